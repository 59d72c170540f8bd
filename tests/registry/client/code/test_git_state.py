"""Real repositories, made by git itself; hostile ones too."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from registry.client.code.git_command import Git
from registry.client.code.git_state import MAX_NAMED, FoundGit, read_git
from registry.core.errors import InvalidInput, Unavailable
from registry.core.tracking.run_code import MAX_PATCH_BYTES

AUTHOR = {
    "GIT_AUTHOR_NAME": "ada",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "ada",
    "GIT_COMMITTER_EMAIL": "a@b",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env={**os.environ, **AUTHOR}, capture_output=True, check=True)
    return done.stdout.decode().strip()


def found_in(folder: Path) -> FoundGit:
    found = read_git(folder)
    assert found is not None
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit on branch ``trees``, with a file in a folder."""
    folder = tmp_path / "repository"
    (folder / "train").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "trees")
    (folder / "train/fit.py").write_text("fit(3)\n")
    (folder / ".gitignore").write_text("data/\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def test_a_clean_repository_is_its_commit_and_branch(repository: Path) -> None:
    found = found_in(repository / "train")
    assert found.state.commit == git(repository, "rev-parse", "HEAD")
    assert (found.state.branch, found.state.remote, found.state.dirty) == ("trees", None, False)
    assert (found.patch, found.notes) == (None, [])


def test_what_is_not_committed_is_a_patch_that_git_applies(repository: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    git(tmp_path, "clone", "--quiet", str(repository), str(clean))
    (repository / "train/fit.py").write_text("fit(7)\n")
    (repository / "staged.py").write_text("staged\n")
    git(repository, "add", "staged.py")
    (repository / "not far.txt").write_text("no newline at its end")
    (repository / "empty.py").touch()
    (repository / "train/run.sh").write_text("echo\n\n")
    (repository / "train/run.sh").chmod(0o755)
    (repository / "data").mkdir()
    (repository / "data/rows.csv").write_text("ignored")

    found = found_in(repository)
    assert found.state.dirty
    assert found.notes == []
    (tmp_path / "uncommitted.patch").write_bytes(found.patch or b"")
    git(clean, "apply", str(tmp_path / "uncommitted.patch"))
    for path in ("train/fit.py", "staged.py", "not far.txt", "empty.py", "train/run.sh"):
        assert (clean / path).read_bytes() == (repository / path).read_bytes()
        assert (clean / path).stat().st_mode & 0o100 == (repository / path).stat().st_mode & 0o100
    assert not (clean / "data").exists()


def test_the_users_own_taste_in_diffs_changes_nothing(repository: Path) -> None:
    (repository / "train/fit.py").write_text("fit(7)\n")
    plain = found_in(repository)
    for key, value in {"diff.noprefix": "true", "color.ui": "always", "diff.context": "0"}.items():
        git(repository, "config", key, value)
    assert found_in(repository) == plain


def test_before_the_first_commit_everything_is_uncommitted(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    (tmp_path / "a.py").write_text("staged\n")
    git(tmp_path, "add", "a.py")
    (tmp_path / "b.py").write_text("untracked\n")
    found = found_in(tmp_path)
    assert (found.state.commit, found.state.branch, found.state.dirty) == (None, "main", True)
    assert b"+staged" in (found.patch or b"")
    assert b"+untracked" in (found.patch or b"")


def test_a_detached_commit_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    assert found_in(repository).state.branch is None


def test_a_worktree_is_a_repository_of_its_own(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    (repository / "train/fit.py").write_text("fit(7)\n")
    found = found_in(tmp_path / "other")
    assert (found.state.branch, found.state.dirty) == ("other", False)


def test_a_remote_loses_its_credentials(repository: Path) -> None:
    git(repository, "remote", "add", "backup", "/srv/backup.git")
    assert found_in(repository).state.remote == "/srv/backup.git"
    git(repository, "remote", "add", "origin", "https://ada:hunter2@git.example/trees.git?token=t0psecret")
    assert found_in(repository).state.remote == "https://git.example/trees.git"


def test_what_may_hold_a_secret_is_named_and_not_kept(repository: Path) -> None:
    (repository / "train/.env").write_text("KEY=hunter2\n")
    git(repository, "add", "--force", "train/.env")
    git(repository, "commit", "--quiet", "--message", "a mistake")
    (repository / "train/.env").write_text("KEY=t0psecret\n")
    (repository / "server.pem").write_text("t0psecret\n")
    found = found_in(repository)
    assert found.state.dirty
    assert found.patch is None
    assert ["train/.env" in found.notes[0], "server.pem" in found.notes[1]] == [True, True]


def test_what_is_no_small_text_is_named_and_not_kept(repository: Path, tmp_path: Path) -> None:
    (repository / "image.bin").write_bytes(b"\0\1")
    (repository / "latin.txt").write_bytes(b"\xe9")
    (repository / "big.txt").write_text("x" * (1 << 20))
    (repository / "outside").symlink_to(tmp_path)
    (repository / 'quo"te').write_text("x")
    (repository / "kept.py").write_text("x")
    found = found_in(repository)
    assert len(found.notes) == 5
    assert (found.patch or b"").count(b"diff --git") == 1


def test_many_files_that_are_not_kept_are_counted(repository: Path) -> None:
    for number in range(MAX_NAMED + 10):
        (repository / f"{number}.bin").write_bytes(b"\0")
    notes = found_in(repository).notes
    assert len(notes) == MAX_NAMED + 1
    assert "10 more" in notes[-1]


def test_a_patch_that_is_too_large_is_not_kept_in_part(repository: Path) -> None:
    (repository / "train/fit.py").write_text("x\n" * MAX_PATCH_BYTES)
    found = found_in(repository)
    assert (found.patch, found.state.dirty) == (None, True)
    assert "not kept" in found.notes[0]


def test_a_folder_without_git_has_no_state(tmp_path: Path) -> None:
    assert read_git(tmp_path) is None


def test_a_repository_that_git_refuses_is_an_error(repository: Path) -> None:
    (repository / "train/.git").mkdir()
    with pytest.raises(InvalidInput, match="not a git repository"):
        read_git(repository / "train")


def test_no_program_that_a_repository_names_is_run(repository: Path, tmp_path: Path) -> None:
    trap, ran = tmp_path / "trap.sh", tmp_path / "ran"
    trap.write_text(f'#!/bin/sh\necho "$0 $@" >> {ran}\ncat\n')
    trap.chmod(0o755)
    (repository / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "attributes")
    for key in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "diff.evil.command", "core.sshCommand"):
        git(repository, "config", key, str(trap))
    for verb in ("clean", "smudge", "process"):
        git(repository, "config", f"filter.evil.{verb}", str(trap))
    git(repository, "config", "filter.evil.required", "true")
    git(repository, "config", "core.pager", str(trap))
    hooks = repository / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "pre-commit", "reference-transaction"):
        (hooks / name).write_text(trap.read_text())
        (hooks / name).chmod(0o755)
    (repository / "train/fit.py").write_text("fit(7)\n")

    found = found_in(repository)
    assert not ran.exists()
    assert b"+fit(7)" in (found.patch or b"")

    subprocess.run(["git", "diff"], cwd=repository, capture_output=True, check=False)
    assert ran.exists(), "the trap would have caught git"


def test_a_filter_that_cannot_be_switched_off_is_a_reason_not_to_look(repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (repository / ".gitattributes").write_text("*.py filter=e=vil\n")
    git(repository, "config", "filter.e=vil.clean", f"touch {ran}")
    (repository / "train/fit.py").write_text("fit(7)\n")
    with pytest.raises(InvalidInput, match=r"cannot be switched off: 'filter\.e=vil'"):
        read_git(repository)
    assert not ran.exists()


def test_filters_are_not_hidden_by_a_huge_configuration(repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    padding = "".join(f'[padding "{"x" * 200}{number}"]\n\tkey = 1\n' for number in range(6000))
    with (repository / ".git/config").open("a") as config:
        config.write(f'{padding}[filter "evil"]\n\tclean = touch {ran}\n')
    (repository / "train/fit.py").write_text("fit(7)\n")
    with pytest.raises(InvalidInput, match="configuration"):
        read_git(repository)
    assert not ran.exists()


def test_nothing_is_fetched_that_a_partial_clone_lacks(repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    git(repository, "config", "extensions.partialClone", "origin")
    git(repository, "remote", "add", "origin", f"ext::sh -c touch% {ran}")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "protocol.ext.allow", "always")
    blob = git(repository, "rev-parse", "HEAD:train/fit.py")
    (repository / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    (repository / "train/fit.py").write_text("fit(7)\n")
    with pytest.raises(InvalidInput, match="git refuses"):
        read_git(repository)
    assert not ran.exists()


def test_a_worktree_elsewhere_is_not_looked_at(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/diary.txt").write_text("t0psecret")
    git(repository, "config", "core.worktree", str(tmp_path / "private"))
    assert b"t0psecret" not in (found_in(repository).patch or b"")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """The git directory of a repository that nobody meant to show."""
    folder = tmp_path / "private"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "diary.txt").write_text("t0psecret")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "private")
    return folder / ".git"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an archive from somebody else was unpacked to."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


def leak(folder: Path) -> bytes:
    """Return what git itself would show of another repository's content here."""
    return subprocess.run(["git", "diff", "HEAD"], cwd=folder, capture_output=True, check=True).stdout


def test_a_git_file_that_names_another_repository_shows_nothing_of_it(private: Path, folder: Path) -> None:
    (folder / ".git").write_text(f"gitdir: {private}\n")
    assert b"t0psecret" in leak(folder)
    with pytest.raises(InvalidInput, match="leads to a repository that is not the folder's own"):
        read_git(folder)


def test_a_git_link_to_another_repository_shows_nothing_of_it(private: Path, folder: Path) -> None:
    (folder / ".git").symlink_to(private)
    assert b"t0psecret" in leak(folder)
    with pytest.raises(InvalidInput, match="not the folder's own"):
        read_git(folder)


@pytest.mark.parametrize("inside", [".git", "fake", "fake/worktrees/x"])
def test_a_git_directory_that_borrows_anothers_refs_shows_nothing_of_it(
    private: Path, folder: Path, inside: str
) -> None:
    borrowing = folder / inside
    borrowing.mkdir(parents=True)
    (borrowing / "HEAD").write_text("ref: refs/heads/main\n")
    (borrowing / "commondir").write_text(f"{private}\n")
    (borrowing / "gitdir").write_text(f"{folder}/.git\n")
    if inside != ".git":
        (folder / ".git").write_text(f"gitdir: {inside}\n")
    assert b"t0psecret" in leak(folder)
    with pytest.raises(InvalidInput, match="not the folder's own"):
        read_git(folder)


@pytest.mark.parametrize("link", ["refs", "refs/heads/main"])
def test_a_repository_whose_refs_are_links_to_anothers_shows_nothing_of_it(
    private: Path, folder: Path, link: str
) -> None:
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / ".git/objects/info/alternates").write_text(f"{private}/objects\n")
    if link == "refs":
        for one in ("heads", "tags", ""):
            (folder / ".git/refs" / one).rmdir()
    (folder / ".git" / link).symlink_to(private / link)
    assert b"t0psecret" in leak(folder)
    with pytest.raises(InvalidInput, match="is a link out of the repository"):
        read_git(folder)


def test_a_submodule_is_a_repository_of_its_own(repository: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    git(whole, "init", "--quiet")
    git(whole, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "trees")
    assert (whole / "trees/.git").is_file()
    assert found_in(whole / "trees").state.commit == git(repository, "rev-parse", "HEAD")


def test_a_worktree_that_was_moved_says_how_to_mend_it(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    (tmp_path / "other").rename(tmp_path / "moved")
    with pytest.raises(InvalidInput, match="git worktree repair"):
        read_git(tmp_path / "moved")
    git(tmp_path / "moved", "worktree", "repair")
    assert found_in(tmp_path / "moved").state.branch == "other"


@pytest.mark.parametrize("hangs", ["exec sleep 60", "sleep 60 & wait", "sleep 60 & exit 0"])
def test_a_git_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\n{hangs}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    began_s = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
        Git(tmp_path, within_s=0.3)
    assert time.monotonic() - began_s < 30


def test_without_git_there_is_a_reason(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="git command cannot be started"):
        read_git(repository)

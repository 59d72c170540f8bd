"""The state of git around a folder: commit, branch, remote, and what is not committed as one patch."""

import os
from pathlib import Path
from typing import NamedTuple

from registry.client.code.git_command import Git
from registry.client.code.git_folder import check_own
from registry.client.code.secret_names import SECRETS, may_be_secret
from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path
from registry.core.tracking.run_code import MAX_PATCH_BYTES, GitState, without_credentials

MAX_UNTRACKED_FILES = 500
MAX_UNTRACKED_BYTES = 256 << 10  # of one file
MAX_NAMED = 50  # untracked files whose absence is noted one by one

# No program of the repository's, and a form that `git apply` takes, whatever the user prefers to look at.
_DIFF = (
    "diff",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--full-index",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--ignore-submodules=all",
    "--diff-algorithm=myers",
)


class FoundGit(NamedTuple):
    """``patch`` is None where nothing is uncommitted, or it is too large; ``notes`` say what it lacks."""

    state: GitState
    patch: bytes | None
    notes: list[str]


def read_git(folder: Path) -> FoundGit | None:
    """Return the state of the repository that the folder lies in; None if it lies in none.

    Raises:
        Unavailable: there is no git on this machine, or it takes too long.
        InvalidInput: git refuses the repository, or it is another folder's.
    """
    here = folder.resolve()
    top = next((one for one in (here, *here.parents) if (one / ".git").exists()), None)
    if top is None:
        return None
    git = Git(top)
    check_own(git)
    commit = git.say("rev-parse", "--verify", "--quiet", "HEAD^{commit}") or None
    branch = git.say("symbolic-ref", "--quiet", "--short", "HEAD") or None
    patch, notes = _patch(git, commit)
    return FoundGit(
        GitState(commit=commit, branch=branch, remote=_remote(git), dirty=bool(patch or notes)), patch or None, notes
    )


def _remote(git: Git) -> str | None:
    names = git.say("remote").split("\n")
    name = "origin" if "origin" in names else names[0]
    address = git.say("config", "--get", f"remote.{name}.url") if name else ""
    return without_credentials(address) or None


def _patch(git: Git, commit: str | None) -> tuple[bytes, list[str]]:
    base = commit or git.say("hash-object", "-t", "tree", os.devnull)
    tracked, notes = _changes(git, base)
    if tracked is None:
        return b"", [f"the uncommitted changes are not kept: they have more than {MAX_PATCH_BYTES >> 20} MB"]
    listed = git.run("ls-files", "--others", "--exclude-standard", "-z", limit=MAX_PATCH_BYTES)
    if listed is None:
        return tracked, [*notes, "untracked files are not in git's patch: there are too many"]
    paths = [os.fsdecode(path) for path in listed.split(b"\0") if path]
    added, left_out = _untracked(git.top, paths[:MAX_UNTRACKED_FILES], MAX_PATCH_BYTES - len(tracked))
    if len(paths) > MAX_UNTRACKED_FILES:
        left_out.append(f"{len(paths) - MAX_UNTRACKED_FILES:,} more untracked files are not in git's patch")
    return tracked + added, [*notes, *left_out]


def _changes(git: Git, base: str) -> tuple[bytes | None, list[str]]:
    """Return what tracked files have that ``base`` has not, None if it is too much; and which are left out."""
    names = git.run(*_DIFF, "--name-only", "-z", base, "--", limit=MAX_PATCH_BYTES)
    if names is None:
        return None, []
    secret = [path for path in map(os.fsdecode, names.split(b"\0")) if path and may_be_secret(path)][:MAX_NAMED]
    excluded = [f":(exclude,top,glob,icase)**/{pattern}" for pattern in SECRETS]
    notes = [f"the change of {path!r} is not in git's patch: it may hold a secret" for path in secret]
    return git.run(*_DIFF, base, "--", ".", *excluded, limit=MAX_PATCH_BYTES), notes


def _untracked(top: Path, paths: list[str], room: int) -> tuple[bytes, list[str]]:
    """Return untracked texts as patches that add them, and why others are left out."""
    parts: list[bytes] = []
    notes: list[str] = []
    for path in paths:
        try:
            part = _addition(path, top / path)
            if len(part) > room:
                raise InvalidInput("the patch would be too large")
        except InvalidInput as error:
            notes.append(f"untracked {path!r} is not in git's patch: {error.message}"[:500])
            continue
        parts.append(part)
        room -= len(part)
    if len(notes) > MAX_NAMED:
        notes = [*notes[:MAX_NAMED], f"nor are {len(notes) - MAX_NAMED} more untracked files"]
    return b"".join(parts), notes


def _addition(path: str, file: Path) -> bytes:
    """Return a patch that adds a small text. Raises InvalidInput for what is none."""
    text = _read_text(path, file)
    mode = "100755" if file.stat().st_mode & 0o100 else "100644"
    head = f"diff --git a/{path} b/{path}\nnew file mode {mode}\n".encode()
    if not text:
        return head
    lines = text.removesuffix(b"\n").split(b"\n")
    tab = "\t" if " " in path else ""  # as git writes it, so that the name ends where it ends
    head += f"--- /dev/null\n+++ b/{path}{tab}\n@@ -0,0 +1,{len(lines)} @@\n".encode()
    end = b"" if text.endswith(b"\n") else b"\\ No newline at end of file\n"
    return head + b"".join(b"+" + line + b"\n" for line in lines) + end


def _read_text(path: str, file: Path) -> bytes:
    if may_be_secret(path):
        raise InvalidInput("its name says that it may hold a secret")
    check_archive_path(path)
    if '"' in path or file.is_symlink() or not file.is_file():
        raise InvalidInput("it is no plain file")
    if file.stat().st_size > MAX_UNTRACKED_BYTES:
        raise InvalidInput(f"it has more than {MAX_UNTRACKED_BYTES >> 10} kB")
    try:
        text = file.read_bytes()
        text.decode()
    except OSError as error:
        raise InvalidInput(error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("it is no text") from error
    if b"\0" in text:
        raise InvalidInput("it is no text")
    return text

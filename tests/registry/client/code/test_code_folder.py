import os
import tarfile
from pathlib import Path

import pytest

from registry.client.code.code_folder import pack_folder
from registry.core.errors import InvalidInput
from registry.images.code import code_entries


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def packed(folder: Path, archive: Path) -> list[str]:
    pack_folder(folder, archive)
    with tarfile.open(archive) as tar:
        return tar.getnames()


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packed") / "code.tar"


def test_the_same_files_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    first = write(tmp_path / "one", score_py="x", lib__a_py="y")
    second = write(tmp_path / "two/deep", lib__a_py="y", score_py="x")
    (second / "score.py").chmod(0o755)
    os.utime(second / "score.py", (1, 1))

    assert packed(first, tmp_path / "1.tar") == packed(second, tmp_path / "2.tar") == ["lib/a.py", "score.py"]
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_what_never_belongs_to_code_stays_out(tmp_path: Path, archive: Path) -> None:
    folder = write(tmp_path, score_py="x", score_pyc="x", _git__config="x", lib__a_py="y")
    write(folder / "__pycache__", score_py="x")

    assert packed(folder, archive) == ["lib/a.py", "score.py"]


def test_an_ignore_file_lists_what_stays_out(tmp_path: Path, archive: Path) -> None:
    folder = write(tmp_path, score_py="x", data__big_csv="x", a__b__notes_txt="x", a__keep_txt="x", top_md="x")
    (folder / ".slipwayignore").write_text("# not these\ndata/\n\nnotes.*\n/top.md\n")

    assert packed(folder, archive) == ["a/keep.txt", "score.py"]


def test_azures_ignore_file_counts_where_there_is_none_of_ours(tmp_path: Path, archive: Path) -> None:
    folder = write(tmp_path, score_py="x", data__big_csv="x")
    (folder / ".amlignore").write_text("data\n")

    assert packed(folder, archive) == ["score.py"]


def test_what_an_ignore_file_cannot_say_is_an_error(tmp_path: Path, archive: Path) -> None:
    folder = write(tmp_path, score_py="x")
    (folder / ".slipwayignore").write_text("*\n!score.py\n")

    with pytest.raises(InvalidInput, match=r"line 2: exceptions with '!' are not supported"):
        packed(folder, archive)


def test_a_link_out_of_the_folder_is_left_out_and_told(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "token").write_text("t0psecret")
    folder = write(tmp_path / "code", score_py="x", lib__a_py="y")
    (folder / "lib/stolen").symlink_to("../../token")
    (folder / "same.py").symlink_to("lib/a.py")
    (tmp_path / "link").symlink_to(folder)
    (folder / ".slipwayignore").write_text(".*\n")

    assert pack_folder(tmp_path / "link", archive) == {"lib/stolen": "it is a link out of the folder"}
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["lib/a.py", "same.py", "score.py"]
    assert b"t0psecret" not in archive.read_bytes()


def test_a_missing_folder_is_named(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no code folder"):
        packed(tmp_path / "nowhere", archive)


def test_the_registry_takes_what_the_sdk_packs(tmp_path: Path, archive: Path) -> None:
    pack_folder(write(tmp_path / "code", score_py="x", lib__a_py="yy"), archive)

    assert [(entry.path, b"".join(entry.read())) for entry in code_entries(archive)] == [
        ("lib/a.py", b"yy"),
        ("score.py", b"x"),
    ]

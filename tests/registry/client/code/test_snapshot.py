import os
import zipfile
from pathlib import Path

import pytest

from registry.client.code.snapshot import pack_snapshot, unpack_snapshot
from registry.core.errors import InvalidInput
from registry.core.tracking.run_code import MAX_SNAPSHOT_BYTES, MAX_SNAPSHOT_FILES


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_the_same_files_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    first = write(tmp_path / "one", {"train.py": "x", "lib/a.py": "y"})
    second = write(tmp_path / "two/deep", {"lib/a.py": "y", "train.py": "x"})
    os.utime(second / "train.py", (1, 1))
    (second / "train.py").chmod(0o600)
    (second / "__pycache__").mkdir()
    for number, folder in enumerate((first, second)):
        assert pack_snapshot(folder, tmp_path / f"{number}.zip") == (2, {})
    assert (tmp_path / "0.zip").stat().st_size == 2 + (76 + 2 * 8) + (76 + 2 * 8) + 22, "the size that is foretold"
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", {"train.py": "x", "deep/run.sh": "echo", "empty": "", "é ö.txt": "y"})
    (folder / "deep/run.sh").chmod(0o755)
    pack_snapshot(folder, tmp_path / "code.zip")
    assert unpack_snapshot(tmp_path / "code.zip", tmp_path / "again") == 4
    for path in ("train.py", "deep/run.sh", "empty", "é ö.txt"):
        assert (tmp_path / "again" / path).read_text() == (folder / path).read_text()
    assert os.access(tmp_path / "again/deep/run.sh", os.X_OK)
    assert not os.access(tmp_path / "again/train.py", os.X_OK)


def test_what_is_ignored_or_may_be_secret_stays_out(tmp_path: Path) -> None:
    files = {"train.py": "x", "data/rows.csv": "x", ".env": "KEY=1", "deep/id_rsa": "x", ".slipwayignore": "data\n"}
    packed = pack_snapshot(write(tmp_path / "code", files), tmp_path / "code.zip")
    assert packed == (1, {".env": "it may hold a secret", "deep/id_rsa": "it may hold a secret"})
    assert zipfile.ZipFile(tmp_path / "code.zip").namelist() == ["train.py"]


@pytest.mark.parametrize(
    "name", [".git-credentials", "credentials", "Credentials.json", "store.jks", "id_ecdsa_sk", "id_dsa.pub", ".netrc"]
)
def test_files_of_these_names_may_hold_a_secret(tmp_path: Path, name: str) -> None:
    packed = pack_snapshot(write(tmp_path / "code", {"id_map.py": "x", name: "x"}), tmp_path / "code.zip")
    assert (packed.files, list(packed.left_out)) == (1, [name])


def test_a_link_is_kept_only_if_what_it_leads_to_is(tmp_path: Path) -> None:
    write(tmp_path, {"home/token": "t0psecret"})
    files = {"train.py": "x", ".env": "t0psecret", ".git/config": "t0psecret", "data/a": "x", ".slipwayignore": "data"}
    folder = write(tmp_path / "code", files)
    (folder / "again.py").symlink_to("train.py")
    (folder / "rows").symlink_to("data/a")
    (folder / "settings").symlink_to(".env")
    (folder / "config").symlink_to(".git/config")
    (folder / "stolen").symlink_to(tmp_path / "home/token")
    (folder / "step").symlink_to("stolen")
    (folder / "nowhere").symlink_to("nowhere")
    packed = pack_snapshot(folder, tmp_path / "code.zip")
    assert packed.left_out == {
        ".env": "it may hold a secret",
        "config": "it is a link to what is ignored",
        "rows": "it is a link to what is ignored",
        "settings": "it is a link to what may hold a secret",
        "step": "it is a link out of the folder",
        "stolen": "it is a link out of the folder",
    }
    assert zipfile.ZipFile(tmp_path / "code.zip").namelist() == ["again.py", "train.py"]
    assert b"t0psecret" not in (tmp_path / "code.zip").read_bytes()


def test_a_folder_that_is_no_code_is_refused_by_its_size(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", {"train.py": "x", "rows.parquet": ""})
    os.truncate(folder / "rows.parquet", MAX_SNAPSHOT_BYTES)
    with pytest.raises(InvalidInput, match=r"\.slipwayignore.*such as rows.parquet"):
        pack_snapshot(folder, tmp_path / "code.zip")
    assert not (tmp_path / "code.zip").exists()


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(MAX_SNAPSHOT_FILES + 1):
        (tmp_path / str(number)).touch()
    with pytest.raises(InvalidInput, match=f"{MAX_SNAPSHOT_FILES + 1:,} files"):
        pack_snapshot(tmp_path, tmp_path / "code.zip")


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing in"):
        pack_snapshot(tmp_path, tmp_path / "code.zip")


def test_nothing_is_unpacked_over_what_is_there(tmp_path: Path) -> None:
    pack_snapshot(write(tmp_path / "code", {"train.py": "x"}), tmp_path / "code.zip")
    with pytest.raises(InvalidInput, match="exists already"):
        unpack_snapshot(tmp_path / "code.zip", tmp_path / "code")


def test_a_zip_that_climbs_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as evil:
        evil.writestr("../outside.txt", "x")
    with pytest.raises(InvalidInput, match="climbs"):
        unpack_snapshot(tmp_path / "evil.zip", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.zip"], "nothing is left of it"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    pack_snapshot(write(tmp_path / "code", {"train.py": "x"}), tmp_path / "code.zip")
    with pytest.raises(InvalidInput, match=r"cannot make .*Not a directory|exists"):
        unpack_snapshot(tmp_path / "code.zip", tmp_path / "code/train.py/again")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", {"train.py": "x"})
    with pytest.raises(InvalidInput, match=r"cannot pack .*there/code.zip: No such file"):
        pack_snapshot(folder, tmp_path / "not/there/code.zip")

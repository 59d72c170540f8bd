"""The installed environment: whatever machine installs it, its files and their bytes are the same."""

import base64
import csv
import hashlib
import sys
from pathlib import Path

import pytest

from registry.containers.environment import ENVIRONMENT_PATH, environment_entries
from registry.core.errors import BuildFailed
from registry.images.pack import Entry, Link, tar_chunks

SITE = f"{ENVIRONMENT_PATH}/lib/python3.11/site-packages"


def install(folder: Path, lock: bytes, interpreter: str = "/usr/bin/python3.11") -> dict[str, Entry | Link]:
    folder.mkdir(parents=True)
    (folder / "lock").write_bytes(lock)
    found = environment_entries(folder / "lock", None, "3.11", interpreter, "amd64", folder / "site")
    return {entry.path: entry for entry in found}


def content_of(entry: Entry | Link) -> bytes:
    assert isinstance(entry, Entry)
    return b"".join(entry.read())


def test_the_same_lock_gives_the_same_bytes_anywhere(tmp_path: Path, lock: bytes) -> None:
    places = (tmp_path / "here", tmp_path / ("so far away that uv calls the interpreter through a shell " * 2))
    first, second = (b"".join(tar_chunks(install(place, lock).values())) for place in places)
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_nothing_of_this_machine_is_in_it(tmp_path: Path, lock: bytes) -> None:
    entries = install(tmp_path / "x", lock)
    whole = b"".join(content_of(entry) for entry in entries.values() if isinstance(entry, Entry))
    assert str(tmp_path).encode() not in whole
    assert sys.prefix.encode() not in whole
    assert not [path for path in entries if path.endswith((".pyc", ".lock"))]


def test_a_variable_in_a_lock_is_refused_because_uv_would_fill_it_in(tmp_path: Path) -> None:
    lock = b"mine @ https://127.0.0.1:9/${SLIPWAY_TOKEN}/mine-1.0-py3-none-any.whl --hash=sha256:" + b"0" * 64
    with pytest.raises(BuildFailed, match="has a variable"):
        install(tmp_path / "x", lock)


def test_it_is_a_virtual_environment_of_the_bases_python(tmp_path: Path, lock: bytes) -> None:
    entries = install(tmp_path / "x", lock, "/usr/local/bin/python3.11")
    assert entries[f"{ENVIRONMENT_PATH}/bin/python"] == Link(
        f"{ENVIRONMENT_PATH}/bin/python", "/usr/local/bin/python3.11"
    )
    assert content_of(entries[f"{ENVIRONMENT_PATH}/pyvenv.cfg"]).startswith(b"home = /usr/local/bin\n")
    assert f"{SITE}/charset_normalizer/__init__.py" in entries


def test_scripts_call_the_containers_python_and_the_record_agrees(tmp_path: Path, lock: bytes) -> None:
    entries = install(tmp_path / "x", lock)
    script = entries[f"{ENVIRONMENT_PATH}/bin/normalizer"]
    assert isinstance(script, Entry)
    assert script.executable
    content = content_of(script)
    assert content.splitlines()[0] == f"#!/{ENVIRONMENT_PATH}/bin/python".encode()

    record = content_of(entries[f"{SITE}/charset_normalizer-3.4.4.dist-info/RECORD"]).decode()
    rows = {row[0]: row[1:] for row in csv.reader(record.splitlines())}
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert rows["../../../bin/normalizer"] == [f"sha256={digest}", str(len(content))]
    assert list(rows) == sorted(rows)
    installed = {path.removeprefix(f"{SITE}/") for path in entries if path.startswith(SITE)}
    assert installed == {path for path in rows if not path.startswith("..")}


def test_what_cannot_be_installed_is_uvs_explanation(tmp_path: Path) -> None:
    nothing = b"charset-normalizer==3.4.4 --hash=sha256:" + b"0" * 64 + b"\n"
    with pytest.raises(BuildFailed, match=r"uv cannot install the environment for Python 3\.11: (.|\n)*Hash mismatch"):
        install(tmp_path / "x", nothing)


def test_a_lock_of_nothing_is_an_empty_environment(tmp_path: Path) -> None:
    entries = install(tmp_path / "x", b"")
    assert sorted(entries) == [f"{ENVIRONMENT_PATH}/bin/python", f"{ENVIRONMENT_PATH}/pyvenv.cfg"]

import os
import threading
from pathlib import Path

import pytest

from registry.core.errors import Unavailable
from registry.store.security.sealing import MasterKey


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a key is, made."""
    file = tmp_path / "secrets" / "vault-key"
    MasterKey(file).make()
    return file


def test_what_is_sealed_opens_with_the_same_key_and_tells_nothing(file: Path) -> None:
    sealed = MasterKey(file).seal("password", b"hunter2")

    assert MasterKey(file).open("password", sealed) == b"hunter2"
    assert b"hunter2" not in sealed
    assert sealed != MasterKey(file).seal("password", b"hunter2")


def test_every_byte_of_it_counts_and_so_does_its_name(file: Path) -> None:
    key = MasterKey(file)
    sealed = key.seal("password", b"hunter2")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(Unavailable, match="password in the vault cannot be opened"):
            key.open("password", bytes(changed))
    with pytest.raises(Unavailable):
        key.open("other", sealed)
    with pytest.raises(Unavailable):
        key.open("password", b"short")


def test_the_keys_file_is_its_owners_alone(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(file.parent) == ["vault-key"]  # noqa: PTH208
    file.chmod(0o640)
    with pytest.raises(Unavailable, match=f"is open to others: chmod 600 {file}"):
        MasterKey(file).seal("a", b"b")


@pytest.mark.parametrize(("content", "said"), [(None, "is missing"), (b"short", "is damaged: it has 5 bytes")])
def test_a_keys_file_that_cannot_be_used_is_said_so(file: Path, content: bytes | None, said: str) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(Unavailable, match=said):
        MasterKey(file).open("a", b"b" * 60)


def test_two_that_make_the_key_together_make_one(tmp_path: Path) -> None:
    file = tmp_path / "vault-key"
    threads = [threading.Thread(target=MasterKey(file).make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(file.read_bytes()) == 32
    assert os.listdir(tmp_path) == ["vault-key"]  # noqa: PTH208


def test_a_folder_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made"):
        MasterKey(tmp_path / "file" / "vault-key").make()

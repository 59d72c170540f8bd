import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import BuildFailed, InvalidInput
from registry.images.pack import Entry, entry_of_bytes, entry_of_file, tar_chunks


def tar_bytes(*entries: Entry) -> bytes:
    return b"".join(tar_chunks(entries))


def test_members_are_sorted_with_their_folders_before_them() -> None:
    archive = tar_bytes(
        entry_of_bytes("b/z.txt", b"z"), entry_of_bytes("b/a/c.txt", b"c"), entry_of_bytes("a.txt", b"a")
    )

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == ["a.txt", "b", "b/a", "b/a/c.txt", "b/z.txt"]


def test_the_order_of_entries_does_not_matter() -> None:
    one, two = entry_of_bytes("one", b"1"), entry_of_bytes("two", b"2")

    assert tar_bytes(one, two) == tar_bytes(two, one)


def test_times_owners_modes_and_umask_leave_no_trace(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "elsewhere"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    second.chmod(0o777)
    os.utime(second, (1, 1))

    assert tar_bytes(entry_of_file("f", first)) == tar_bytes(entry_of_file("f", second))


def test_every_member_has_fixed_metadata() -> None:
    archive = tar_bytes(entry_of_bytes("folder/file", b"x"))

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        seen = {(m.name, m.mode, m.mtime, m.uid, m.gid, m.uname, m.gname) for m in tar}
    assert seen == {("folder", 0o755, 0, 0, 0, "", ""), ("folder/file", 0o644, 0, 0, 0, "", "")}


@given(st.dictionaries(st.text("abcé/", min_size=1, max_size=200), st.binary(max_size=1500), max_size=5))
def test_what_goes_in_comes_out_or_is_refused(files: dict[str, bytes]) -> None:
    try:
        archive = tar_bytes(*(entry_of_bytes(path, content) for path, content in files.items()))
    except (InvalidInput, BuildFailed):
        return
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        out = {m.name: f.read() for m in tar if (f := tar.extractfile(m)) is not None}
    assert out == files


def test_two_files_with_one_path_are_refused() -> None:
    with pytest.raises(BuildFailed, match=r"two files claim a\.txt"):
        tar_bytes(entry_of_bytes("a.txt", b"1"), entry_of_bytes("a.txt", b"2"))


def test_a_path_that_is_file_and_folder_is_refused() -> None:
    with pytest.raises(BuildFailed, match="a is both a file and a folder"):
        tar_bytes(entry_of_bytes("a", b"1"), entry_of_bytes("a/b", b"2"))


def test_a_path_out_of_the_archive_is_refused() -> None:
    with pytest.raises(InvalidInput, match="climbs"):
        tar_bytes(entry_of_bytes("../x", b"1"))


def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    with pytest.raises(BuildFailed, match=r"model\.bin has 3 bytes where 5 were announced"):
        tar_bytes(Entry("model.bin", 5, lambda: [b"abc"]))

"""Archives that lie about themselves: the code folder's tar is read by the registry and by nobody before it."""

import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.errors import BuildFailed
from registry.images import code
from registry.images.code import code_entries


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a header that says so, whatever follows."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse_hole(archive: Path, size: int) -> None:
    with archive.open("ab") as file:
        file.truncate(archive.stat().st_size + size)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_a_gigabyte_is_not_read(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "code.tar"
    archive.write_bytes(header("x", 1 << 30, kind))
    sparse_hole(archive, 1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(BuildFailed, match="bytes of headers"):
            code_entries(archive)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


LIES: dict[str, bytes] = {
    "a size below nothing": header("a", 0)[:124] + b"\xff" * 12 + header("a", 0)[136:] + header("b", 1),
    "a long name whose size is below nothing": (
        header("a", 0, tarfile.GNUTYPE_LONGNAME)[:124] + b"\xff" * 11 + b"\x00" + header("a", 0)[136:] + bytes(1 << 20)
    ),
    "a file that is not there": header("a", 1 << 40),
    "half a header": header("a", 0)[:300],
    "a name out of the folder": header("../../etc/cron.d/x", 0),
    "an absolute name": header("/etc/passwd", 0),
    "a link": header("a", 0, tarfile.SYMTYPE),
    "a device": header("a", 0, tarfile.CHRTYPE),
    "a broken pax record": header("x", 512, tarfile.XHDTYPE) + b"999 path=x\n".ljust(512, b"\0") + header("a", 0),
    "a pax size that is no number": (
        header("x", 512, tarfile.XHDTYPE) + b"13 size=none\n".ljust(512, b"\0") + header("a", 0)
    ),
    "a sparse map without end": (
        header("x", 512, tarfile.XHDTYPE)
        + b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n".ljust(512, b"\0")
        + header("a", 512)
        + b"99999999\n".ljust(512, b"1")
    ),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("content", LIES.values(), ids=list(LIES))
def test_an_archive_that_lies_makes_no_image_and_no_fault(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "code.tar"
    archive.write_bytes(content + bytes(1024))
    try:
        entries = code_entries(archive)
    except BuildFailed:
        return
    for entry in entries:  # what there is is read, and is at most what there is
        assert sum(map(len, entry.read())) <= len(content) + 1024


def test_files_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "MAX_FILES", 3)
    write: Callable[[int], Path] = lambda count: _archive(tmp_path, count)  # noqa: E731
    assert len(code_entries(write(3))) == 3
    with pytest.raises(BuildFailed, match="more than 3 files"):
        code_entries(write(4))


def _archive(folder: Path, count: int) -> Path:
    archive = folder / "code.tar"
    archive.write_bytes(b"".join(header(f"f{number}", 0) for number in range(count)) + bytes(1024))
    return archive

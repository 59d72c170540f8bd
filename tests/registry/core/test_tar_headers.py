import io
import tarfile
import tracemalloc

import pytest

from registry.core.tar_headers import BoundedTar
from tests.registry.core.hostile_tars import chain, header, padded, quadratic

END = bytes(1024)
MANY = b"".join(b"8 k%02d=v\n" % number for number in range(17))


def names(tar: bytes) -> list[str]:
    with BoundedTar(io.BytesIO(tar)) as found:
        return [member.name for member in found]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_names_and_links_of_the_longest_paths_are_read(form: int) -> None:
    out, long = io.BytesIO(), "ä" * 512
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        tar.addfile(tarfile.TarInfo("plain"))
        link = tarfile.TarInfo(long)
        link.type, link.linkname = tarfile.SYMTYPE, long
        tar.addfile(link)
    with BoundedTar(io.BytesIO(out.getvalue())) as read:
        assert [(member.name, member.linkname) for member in read] == [("plain", ""), (long, long)]


def test_contents_are_read_whatever_their_size() -> None:
    content = b"x" * 100_000
    with BoundedTar(io.BytesIO(header("a", size=len(content)) + padded(content) + header("b") + END)) as tar:
        found = {member.name: stream.read() for member in tar if (stream := tar.extractfile(member))}
    assert found == {"a": content, "b": b""}


@pytest.mark.parametrize(
    ("tar", "reason"),
    [
        (chain(b"x", padded(b"6 a=b\n")), "bytes of headers"),
        (chain(b"L", padded(b"abc")), "bytes of headers"),
        (chain(b"x", b""), "bytes of headers"),
        (quadratic(35_000), "bytes of headers"),
        (header("x", b"x", size=len(MANY)) + padded(MANY) + header("f"), "more than 16 records"),
        (header("x", b"x", size=1 << 30), "bytes of headers"),
        (header("x", b"g", size=6) + padded(b"6 a=b\n") + header("f"), "for all files that follow"),
    ],
)
@pytest.mark.parametrize("before", [b"", header("first")])
def test_headers_that_claim_too_much_are_refused(before: bytes, tar: bytes, reason: str) -> None:
    with pytest.raises(tarfile.ReadError, match=reason):
        names(before + tar + END)


def test_the_map_of_a_sparse_file_is_not_read_to_its_end() -> None:
    records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    sparse = header("x", b"x", size=len(records)) + padded(records) + header("f", size=1 << 20)
    with pytest.raises(tarfile.ReadError, match="bytes of headers"):
        names(sparse + b"100000\n" + b"0\n" * (1 << 19))


def test_members_are_not_kept() -> None:
    record = b"1000 comment=" + b"c" * 986 + b"\n"
    tar = (header("x", b"x", size=len(record)) + padded(record) + header("f")) * 5000 + END
    tracemalloc.start()
    try:
        with BoundedTar(io.BytesIO(tar)) as read:
            assert sum(1 for _ in read) == 5000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()

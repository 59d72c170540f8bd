"""One contract over every blob store."""

import hashlib
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.store.blobs import Blobs, open_blobs

MISSING = f"sha256:{'0' * 64}"


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"file://{tmp_path}/blobs here"


@pytest.fixture
def blobs(url: str) -> Blobs:
    return open_blobs(url)


def test_what_is_put_can_be_read_by_its_digest(blobs: Blobs) -> None:
    stored = blobs.put(b"hello")
    assert stored == (f"sha256:{hashlib.sha256(b'hello').hexdigest()}", 5)
    assert blobs.get(stored.digest) == b"hello"
    assert blobs.size(stored.digest) == 5
    assert blobs.exists(stored.digest)


def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    assert blobs.get(blobs.put(b"").digest) == b""


def test_chunks_become_one_blob(blobs: Blobs) -> None:
    chunks = [bytes([i]) * (3 << 20) for i in range(4)]
    stored = blobs.put(iter(chunks))
    assert stored.size == 12 << 20
    assert b"".join(blobs.stream(stored.digest)) == b"".join(chunks)


def test_putting_the_same_content_twice_is_one_blob(blobs: Blobs) -> None:
    assert blobs.put(b"twice") == blobs.put([b"tw", b"ice"])


def test_content_that_is_not_its_digest_is_refused_and_forgotten(blobs: Blobs) -> None:
    with pytest.raises(InvalidInput, match="not sha256:0000"):
        blobs.put(b"hello", expected=MISSING)
    assert not blobs.exists(MISSING)
    assert not blobs.exists(f"sha256:{hashlib.sha256(b'hello').hexdigest()}")


def test_a_missing_blob_is_not_found_before_the_first_chunk(blobs: Blobs) -> None:
    for look in (blobs.get, blobs.size, blobs.stream):
        with pytest.raises(NotFound, match=MISSING):
            look(MISSING)


@pytest.mark.parametrize("digest", ["", "hello", "sha256:../../etc/passwd", "md5:" + "0" * 32])
def test_a_digest_is_never_a_path(blobs: Blobs, digest: str) -> None:
    with pytest.raises(InvalidInput):
        blobs.get(digest)


def test_an_upload_that_is_abandoned_leaves_nothing(tmp_path: Path) -> None:
    with open_blobs(f"file://{tmp_path}").upload() as upload:
        upload.write(b"x" * (20 << 20))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_unfinished_upload_has_no_name(tmp_path: Path) -> None:
    blobs = open_blobs(f"file://{tmp_path}")
    with blobs.upload() as upload:
        upload.write(b"half")
        assert not blobs.exists(f"sha256:{hashlib.sha256(b'half').hexdigest()}")


def test_file_blobs_lie_where_an_oci_layout_has_them(tmp_path: Path) -> None:
    digest = open_blobs(f"file://{tmp_path}").put(b"hello").digest
    assert (tmp_path / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes() == b"hello"


def test_a_url_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot use"):
        open_blobs("gopher://somewhere")

"""One contract over every blob store."""

import asyncio
import hashlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from registry.core.activities import ActivityState
from registry.core.errors import InvalidInput, NotFound, Unavailable
from registry.images.keeping.layout import ImageLayout
from registry.operations.activities import follow_activity
from registry.operations.upkeep.workspace_deletion import preview, start_deletion
from registry.operations.workspace import Workspace, open_workspace
from registry.store.blobs import Blobs, open_blobs
from registry.store.metadata import open_metadata
from tests.contract.conftest import Place
from tests.registry.conftest import serve
from tests.servers.azure_blob import AzureBlob
from tests.servers.processes import free_port
from tests.servers.s3 import S3

MISSING = f"sha256:{'0' * 64}"


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


def test_a_part_is_read_alone(blobs: Blobs) -> None:
    digest = blobs.put(bytes(range(256)) * 10_000).digest
    assert b"".join(blobs.stream(digest, (1, 4))) == b"\x01\x02\x03"
    assert b"".join(blobs.stream(digest, (2_559_999, 2_560_000))) == b"\xff"
    assert len(b"".join(blobs.stream(digest, (100, 2_000_000)))) == 1_999_900


def test_every_blob_and_every_unfinished_upload_is_listed(blobs: Blobs) -> None:
    stored = {blobs.put(bytes([number])).digest for number in range(3)}
    entries = {entry.digest: entry for entry in blobs.entries() if entry.digest is not None}
    assert stored <= entries.keys()
    now_ms = time.time() * 1000
    for digest in stored:
        assert entries[digest].size == 1
        assert abs(entries[digest].written_ms - now_ms) < 60_000
        blobs.remove(entries[digest])
        blobs.remove(entries[digest])
        assert not blobs.exists(digest)


def test_a_blob_that_was_written_again_is_not_what_was_listed(blobs: Blobs) -> None:
    digest = blobs.put(b"listed").digest
    (entry,) = [one for one in blobs.entries() if one.digest == digest]
    assert blobs.is_unchanged(entry)
    assert not blobs.is_unchanged(entry._replace(written_ms=entry.written_ms - 5000))
    blobs.remove(entry)
    assert not blobs.is_unchanged(entry)


def test_a_deleted_workspace_leaves_nothing_in_its_store(place: Place, tmp_path: Path) -> None:
    workspace = open_workspace(f"sqlite:///{tmp_path}/registry.db", place.url)
    for number in range(5):
        workspace.blobs.put(b"%d" % number)
    with workspace.blobs.upload() as upload:
        upload.write(b"never whole")
        layout = ImageLayout(tmp_path / "images")
        activity = start_deletion(workspace, layout, preview(workspace, layout).name, "")
        ended = asyncio.run(follow_activity(workspace, activity.id, after=99, wait_s=30))
        assert ended.state is ActivityState.SUCCEEDED, ended.message
    assert place.left() == []
    workspace.close()


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


@pytest.mark.parametrize("size", [0, 1, 20 << 20])
def test_an_upload_that_is_abandoned_leaves_nothing(place: Place, size: int) -> None:
    blobs = open_blobs(place.url)
    with pytest.raises(RuntimeError), blobs.upload() as upload:
        upload.write(b"x" * size)
        raise RuntimeError
    assert place.left() == []


def test_content_that_is_refused_leaves_nothing(place: Place) -> None:
    with pytest.raises(InvalidInput):
        open_blobs(place.url).put([b"x" * (6 << 20), b"y"], expected=MISSING)
    assert place.left() == []


def test_what_is_kept_is_the_blob_and_nothing_else(place: Place) -> None:
    digest = open_blobs(place.url).put([b"x" * (6 << 20), b"y"]).digest
    (name,) = place.left()
    assert name.endswith(f"/blobs/{digest.replace(':', '/')}")
    assert open_blobs(place.url).size(digest) == (6 << 20) + 1


def test_a_body_that_breaks_off_leaves_nothing(place: Place, tmp_path: Path) -> None:
    content = b"x" * (7 << 20)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    workspace = open_workspace(f"sqlite:///{tmp_path}/registry.db", place.url)
    with serve(workspace, tmp_path / "images") as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as raw:
            head = f"PUT /api/v1/blobs/{digest} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
            raw.sendall(head.encode() + content[:-1])
        for _ in range(100):
            if not place.left():
                break
            time.sleep(0.1)
        assert place.left() == []
        assert httpx.put(f"{url}/api/v1/blobs/{digest}", content=content).status_code == 201
        assert len(place.left()) == 1
    workspace.close()


def test_the_same_blob_from_many_is_one(place: Place) -> None:
    blobs, content = open_blobs(place.url), [b"x" * (6 << 20), b"end"]
    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(blobs.put, [content] * 6))
    assert len(place.left()) == 1
    assert blobs.get(stored[0].digest) == b"".join(content)


def test_a_large_blob_goes_through_in_little_memory(place: Place) -> None:
    blobs, piece = open_blobs(place.url), b"\1" * (1 << 20)
    blobs.put([piece] * 12)  # what a store keeps for good
    before = _peak_bytes()
    stored = blobs.put(piece for _ in range(80))
    assert sum(len(chunk) for chunk in blobs.stream(stored.digest)) == 80 << 20
    assert _peak_bytes() - before < 45 << 20


def _peak_bytes() -> int:
    """Return the most memory that this process had since it was asked last."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10


def test_an_unfinished_upload_has_no_name(blobs: Blobs) -> None:
    with blobs.upload() as upload:
        upload.write(b"half")
        assert not blobs.exists(f"sha256:{hashlib.sha256(b'half').hexdigest()}")


def test_file_blobs_lie_where_an_oci_layout_has_them(tmp_path: Path) -> None:
    digest = open_blobs(f"file://{tmp_path}").put(b"hello").digest
    assert (tmp_path / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes() == b"hello"


def test_a_url_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot use"):
        open_blobs("gopher://somewhere")


def test_a_store_that_refuses_is_unavailable(s3: S3, tmp_path: Path) -> None:
    url = s3.empty_bucket()
    blobs = open_blobs(url)
    workspace = Workspace(open_metadata(f"sqlite:///{tmp_path}/registry.db"), blobs)
    digest = blobs.put(b"kept").digest
    s3.refuse(True)
    try:
        for attempt in (lambda: blobs.get(digest), lambda: blobs.put(b"new"), lambda: blobs.size(digest)):
            with pytest.raises(Unavailable, match=r"the artifacts' store failed: .*403") as raised:
                attempt()
            assert "\n" not in raised.value.message
        with pytest.raises(Unavailable, match="cannot use 's3://bucket-"):
            open_blobs(url)
        with serve(workspace, tmp_path / "images") as address, httpx.Client(base_url=address) as http:
            assert http.get(f"/api/v1/blobs/{digest}").status_code == 503
            new = f"sha256:{hashlib.sha256(b'new').hexdigest()}"
            assert http.put(f"/api/v1/blobs/{new}", content=b"new").status_code == 503
    finally:
        s3.refuse(False)
    assert blobs.get(digest) == b"kept"
    workspace.close()


def test_a_place_that_is_not_there_is_unavailable(s3: S3, azure: AzureBlob) -> None:
    away = f"s3://bucket?endpoint=http://127.0.0.1:{free_port()}&access_key_id=a&secret_access_key=s3cret"
    wrong = azure.url("container-1", key="AAAA")
    for url in (s3.url("no-such-bucket"), azure.url("no-such-container"), away, wrong):
        with pytest.raises(Unavailable, match=r"cannot use '(s3|az)://") as raised:
            open_blobs(url)
        assert "s3cret" not in raised.value.message
        assert "key" not in raised.value.message


def test_keys_may_come_from_the_environment(s3: S3, azure: AzureBlob, monkeypatch: pytest.MonkeyPatch) -> None:
    address, _, query = s3.empty_bucket().partition("?")
    options = dict(parse_qsl(query))
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    blobs = open_blobs(address)
    assert blobs.get(blobs.put(b"by environment").digest) == b"by environment"
    address, _, query = azure.empty_container().partition("?")
    options = dict(parse_qsl(query))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", options["account_name"])
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", options["account_key"])
    blobs = open_blobs(f"{address}?endpoint={options['endpoint']}")
    assert blobs.get(blobs.put(b"by environment").digest) == b"by environment"


@pytest.mark.parametrize("url", ["s3://", "s3://bucket?bogus=1", "s3://bucket?endpoint", "az://container", "nothing"])
def test_a_url_that_says_too_little_or_too_much_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(InvalidInput, match="cannot use"):
        open_blobs(url)

"""Uploads that break off: a connection that ends, a registry that is killed, and clients that come at the same time."""

import http.client as http_client
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from registry.api.oci import uploads
from tests.registry.api.oci.conftest import Repository, digest_of
from tests.registry.api.test_killed import Registry

PIECE = b"0123456789abcdef" * 65_536  # a megabyte
WHOLE = PIECE * 3


def send_some(http: httpx.Client, path: str, announced: int, sent: int) -> None:
    """Begin a PATCH of ``announced`` bytes, send some of them, and go away once the registry has begun to keep them."""
    before = here(http, path)
    connection = http_client.HTTPConnection(http.base_url.netloc.decode(), timeout=10)
    connection.putrequest("PATCH", path)
    connection.putheader("content-length", str(announced))
    connection.endheaders()
    connection.send(WHOLE[:sent])
    while here(http, path) == before:
        pass
    connection.close()


def here(http: httpx.Client, location: str) -> int:
    """Return how much of an upload that is not empty is here."""
    return int(http.get(location).headers["range"].split("-")[1]) + 1


def settled(http: httpx.Client, location: str) -> int:
    """Return where an upload stands once nobody writes to it: an empty PATCH is refused until then."""
    while http.patch(location, content=b"").status_code == 409:
        pass
    return here(http, location)


def test_what_a_broken_connection_brought_is_gone_on_from(team: Repository) -> None:
    location = team.http.post(f"{team.url}/blobs/uploads/").headers["location"]
    team.http.patch(location, content=PIECE)
    send_some(team.http, location, len(WHOLE), 2 * len(PIECE))
    size = settled(team.http, location)
    assert len(PIECE) < size <= 3 * len(PIECE)
    headers = {"content-range": f"{size}-{len(WHOLE) - 1}"}
    rest = WHOLE[size:]
    done = team.http.put(location, params={"digest": digest_of(WHOLE)}, content=rest, headers=headers)
    assert done.status_code == 201, done.text
    assert team.http.get(done.headers["location"]).content == WHOLE


def test_a_broken_monolithic_upload_leaves_nothing(team: Repository, url: str, tmp_path: Path) -> None:
    address = urlsplit(url)
    connection = http_client.HTTPConnection(address.netloc, timeout=10)
    connection.putrequest("POST", f"{team.url}/blobs/uploads/?digest={digest_of(WHOLE)}")
    connection.putheader("content-length", str(len(WHOLE)))
    connection.endheaders()
    connection.send(PIECE)
    uploads_folder = tmp_path / "images" / "uploads"
    while not list(uploads_folder.iterdir()):
        team.http.get("/health")
    connection.close()
    while list(uploads_folder.iterdir()):
        team.http.get("/health")
    assert team.http.head(f"{team.url}/blobs/{digest_of(WHOLE)}").status_code == 404


def test_a_full_disk_is_a_503_and_leaves_nothing(team: Repository, tmp_path: Path) -> None:
    location = team.http.post(f"{team.url}/blobs/uploads/").headers["location"]
    (file,) = (tmp_path / "images" / "uploads").iterdir()
    file.unlink()
    file.symlink_to("/dev/full")
    answer = team.http.patch(location, content=PIECE)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (503, "UNAVAILABLE")
    assert "the images' disk is full" in error["message"]
    assert team.http.get(location).status_code == 404
    assert list((tmp_path / "images" / "uploads").iterdir()) == []


def test_one_blob_pushed_by_several_at_once_is_there_once(url: str, tmp_path: Path) -> None:
    answers: list[int] = []

    def push() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            location = client.post("/v2/cancer/blobs/uploads/").headers["location"]
            for start in range(0, len(WHOLE), len(PIECE)):
                client.patch(location, content=WHOLE[start : start + len(PIECE)])
            answers.append(client.put(location, params={"digest": digest_of(WHOLE)}).status_code)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 4
    assert [path.name for path in (tmp_path / "images/blobs/sha256").iterdir()] == [digest_of(WHOLE)[7:]]


def test_a_mounted_blob_is_as_young_as_one_that_was_uploaded(team: Repository, tmp_path: Path) -> None:
    digest = team.blob(b"shared")["digest"]
    file = tmp_path / "images" / "blobs" / "sha256" / digest.removeprefix("sha256:")
    os.utime(file, (0, 0))
    team.http.post("/v2/other/blobs/uploads/", params={"mount": digest, "from": team.name})
    assert file.stat().st_mtime > 0


def test_a_second_request_to_one_upload_is_told_to_wait(team: Repository, url: str) -> None:
    location = team.http.post(f"{team.url}/blobs/uploads/").headers["location"]
    began, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield PIECE
        began.set()
        go_on.wait(20)
        yield PIECE

    def send() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            client.patch(location, content=slow())

    thread = threading.Thread(target=send)
    thread.start()
    assert began.wait(20)
    while team.http.get(location).headers["range"] == "0-0":
        pass
    busy = team.http.patch(location, content=b"x")
    assert (busy.status_code, busy.json()["errors"][0]["code"]) == (409, "DENIED")
    go_on.set()
    thread.join()
    done = team.http.put(location, params={"digest": digest_of(PIECE * 2)})
    assert done.status_code == 201


def test_a_client_that_stalls_gives_its_place_back(team: Repository, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALLED_S", 0.2)
    location = team.http.post(f"{team.url}/blobs/uploads/").headers["location"]
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = f"PATCH {location} HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-length: 100\r\n\r\nten bytes."
        connection.sendall(head.encode())
        said = connection.recv(65536)
    assert b" 400 " in said.partition(b"\r\n")[0]
    assert b"nothing came for 0.2 s" in said
    assert settled(team.http, location) == 10


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    one = Registry(tmp_path)
    yield one
    one.process.terminate()
    one.process.wait(10)


@pytest.mark.e2e
def test_a_killed_registry_shows_nothing_half_and_the_client_goes_on(registry: Registry) -> None:
    url = f"http://127.0.0.1:{registry.port}"
    with httpx.Client(base_url=url, timeout=30) as client:
        location = client.post("/v2/cancer/blobs/uploads/").headers["location"]
        client.patch(location, content=PIECE)
        killer = threading.Timer(0.2, registry.kill)

        def endless() -> Iterator[bytes]:
            yield PIECE
            killer.start()
            while killer.is_alive() or registry.process.poll() is None:
                yield b"x"

        with pytest.raises(httpx.HTTPError):
            client.patch(location, content=endless())
    registry.start()
    with httpx.Client(base_url=url, timeout=30) as client:
        assert here(client, location) >= len(PIECE)
        assert client.get("/v2/cancer/tags/list").status_code == 404
        assert client.delete(location).status_code == 204
        again = client.post("/v2/cancer/blobs/uploads/", params={"digest": digest_of(PIECE)}, content=PIECE)
        assert again.status_code == 201

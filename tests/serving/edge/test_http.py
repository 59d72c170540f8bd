"""HTTP itself at the edge: bodies of all sizes and speeds, streams, and what is no request."""

import gzip
import socket
import threading
from typing import Any

import pytest

KEY = "a-key-of-the-tests"
HEAD = f"POST /endpoints/cancer/score HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n".encode()


@pytest.fixture
def connect(routed: Any) -> Any:
    def made() -> socket.socket:
        return socket.create_connection(("127.0.0.1", routed.http_port), timeout=30)

    return made


def until_closed(one: socket.socket) -> bytes:
    got = b""
    try:
        while part := one.recv(1 << 16):
            got += part
    except ConnectionResetError:
        pass
    return got


def test_a_body_of_64_mb_passes(routed: Any) -> None:
    body = b"7" * (64 << 20)
    assert len(routed.score(content=body).json()["body"]) == len(body)


def test_a_chunked_body_passes(routed: Any) -> None:
    seen = routed.score(content=iter([b"one ", b"two ", b"x" * 100_000])).json()
    assert seen["headers"]["transfer-encoding"] == "chunked"


def test_a_compressed_body_passes_as_it_is(routed: Any) -> None:
    body = gzip.compress(b'{"data": 1}')
    seen = routed.score(content=body, headers={"content-encoding": "gzip"}).json()
    assert (seen["body"].encode("latin-1"), seen["headers"]["content-encoding"]) == (body, "gzip")


def test_a_client_that_waits_for_100_continue_gets_it(connect: Any) -> None:
    with connect() as one:
        one.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
        assert one.recv(100).startswith(b"HTTP/1.1 100 ")
        one.sendall(b"{}")
        assert until_closed(one).startswith(b"HTTP/1.1 200 ")


def test_a_stream_flows_while_it_is_made(routed: Any, blue: Any) -> None:
    path, headers = "/endpoints/cancer/score?stream=1", routed.headers | {"azureml-model-deployment": "blue"}
    with routed.client.stream("POST", path, headers=headers) as answer:
        lines = answer.iter_lines()
        assert answer.headers["content-type"] == "text/event-stream"
        assert next(lines) == "first"
        blue.release.set()
        assert next(lines) == "last"


def test_a_client_that_leaves_a_stream_is_noticed_by_the_scoring_process(routed: Any, blue: Any) -> None:
    path, headers = (
        "/v2/models/cancer/generate_stream?stream=busy",
        routed.headers | {"azureml-model-deployment": "blue"},
    )
    with routed.client.stream("POST", path, headers=headers) as answer:
        assert next(answer.iter_lines()) == "first"
    assert blue.left.wait(5)


def test_slow_requests_are_408(connect: Any) -> None:
    """Both at once, since it takes 15 s."""
    beginnings = [HEAD[:40], HEAD + b"Content-Length: 10\r\n\r\n{}"]
    answers: dict[bytes, bytes] = {}

    def dawdle(beginning: bytes) -> None:
        with connect() as one:
            one.sendall(beginning)
            answers[beginning] = until_closed(one)

    slow = [threading.Thread(target=dawdle, args=[beginning]) for beginning in beginnings]
    for one in slow:
        one.start()
    for one in slow:
        one.join()
    for beginning in beginnings:
        assert answers[beginning].startswith(b"HTTP/1.1 408 "), beginning
    assert b'"error_code":"REQUEST_TOO_SLOW"' in answers[beginnings[1]]  # without a head, it is HAProxy's own page


SMUGGLED = b"GET /endpoints/cancer/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"Content-Length: +4\r\n\r\nabcd",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 0x4\r\n\r\nabcd",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabcd\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Bad Name: x\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
        b"X: a\rb\r\n\r\n",
        b"Host: other\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_differently_is_refused(connect: Any, blue: Any, rest: bytes) -> None:
    with connect() as one:
        one.sendall(HEAD + rest + SMUGGLED)
        answer = until_closed(one)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answer.count(b"HTTP/1.") == 1
    assert not any("smuggled" in seen["path"] for seen in blue.requests)


def test_chunks_win_over_a_length_and_the_connection_ends_with_them(connect: Any, blue: Any) -> None:
    with connect() as one:
        one.sendall(
            HEAD
            + b"Azureml-Model-Deployment: blue\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            + SMUGGLED
        )
        answer = until_closed(one)
    assert answer.count(b"HTTP/1.") == 1
    assert not any("smuggled" in seen["path"] for seen in blue.requests)
    assert "content-length" not in blue.requests[-1]["headers"]

"""Compression of requests and answers: what is read, what is refused, and when an answer is worth it."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import product
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http
import tritonclient.http.aio
from onnx import TensorProto
from tritonclient.utils import InferenceServerException

from serving.scoring.http.encodings import PAYS_FROM_BYTES, PLAIN, Wish, wish_of
from tests.serving.scoring.conftest import MAX_BODY_BYTES

Ask = Callable[..., Any]
ECHO = "def init(): ...\ndef run(data): return data\n"
BODY = b'{"data": [[1, 2, 3]]}'


def bare_deflate(body: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-15)
    return deflating.compress(body) + deflating.flush()


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        (" GZIP ", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", bare_deflate(BODY)),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
        ("identity, gzip", gzip.compress(BODY)),
        ("Identity", BODY),
        ("", BODY),
    ],
)
@pytest.mark.parametrize("path", ["/score", "/invocations"])
def test_a_body_is_read_through_its_encodings(ask_script: Ask, path: str, header: str, body: bytes) -> None:
    answer = ask_script("POST", path, body, content_encoding=header)
    assert (answer.status, b"-6.5" in answer.body) == (200, True)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000, MAX_BODY_BYTES])
def test_bodies_of_every_size_up_to_the_limit_are_read(make_ask: Callable[..., Ask], size: int) -> None:
    answer = make_ask(script="def init(): ...\ndef run(data): return len(data)\n")(
        "POST", "/score", gzip.compress(b"a" * size), content_encoding="gzip"
    )
    assert (answer.status, answer.body) == (200, b"%d" % size)


@pytest.mark.parametrize("path", ["/score", "/v2/models/linear/infer", "/v2/models/linear/generate"])
@pytest.mark.parametrize(
    ("header", "body", "named"),
    [
        ("gzip", b"not gzip", "the body is not gzip, as its Content-Encoding says"),
        ("gzip", zlib.compress(BODY), "the body is not gzip"),
        ("deflate", gzip.compress(BODY), "the body is not deflate"),
        ("gzip", gzip.compress(BODY)[:-1], "ends in the midst of its gzip stream"),
        ("gzip", gzip.compress(BODY)[:-5] + b"\0\0\0\0\0", "incorrect"),
        ("gzip", gzip.compress(BODY) + b"abc", "3 bytes are left over"),
        ("gzip", gzip.compress(b"a" * 200_000)[:-9], "ends in the midst"),
        ("deflate", zlib.compress(b"a" * 200_000) + b"b", "1 bytes are left over"),
    ],
)
def test_a_broken_body_is_a_400(ask_onnx: Ask, path: str, header: str, body: bytes, named: str) -> None:
    answer = ask_onnx("POST", path, body, content_encoding=header)
    assert (answer.status, named in answer.body.decode()) == (400, True)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("br", "Content-Encoding br is not supported: send gzip, deflate, or plain"),
        ("gzip, zstd", "Content-Encoding zstd is not supported"),
        ("gzip,gzip,gzip", "3 Content-Encodings on one body, and 2 are supported"),
    ],
)
def test_an_unknown_encoding_is_a_415_that_names_what_is_read(ask_onnx: Ask, header: str, named: str) -> None:
    answer = ask_onnx("POST", "/score", BODY, content_encoding=header)
    assert answer.status == 415
    assert json.loads(answer.body)["message"].startswith(named)
    assert (b"accept-encoding", b"gzip, deflate") in answer.headers


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_a_413_within_the_limits_memory(ask_onnx: Ask, layers: int) -> None:
    bomb = b"\0" * (30 << 20)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    tracemalloc.start()
    answer = ask_onnx("POST", "/score", bomb, content_encoding=", ".join(["gzip"] * layers))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 413
    assert b"SLIPWAY_MAX_BODY_MB" in answer.body
    assert peak < 5 * MAX_BODY_BYTES


def test_a_script_is_not_told_of_an_encoding_that_is_undone(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data, request_headers): return [data, request_headers]\n")
    answer = ask("POST", "/score", gzip.compress(b"x"), content_encoding="gzip", x_tenant="acme")
    assert json.loads(answer.body) == ["x", {"X-Tenant": "acme"}]


# Answers

LONG = "a" * PAYS_FROM_BYTES
HTTPX, REQUESTS, AIOHTTP = b"gzip, deflate", b"gzip, deflate, br, zstd", b"gzip, deflate, br"
SEVERAL = Wish("gzip", PAYS_FROM_BYTES, PAYS_FROM_BYTES << 40)


@pytest.mark.parametrize(
    ("accept", "coding", "always"),
    [
        (b"", "", False),
        (b"identity", "", False),
        (b"br", "", False),
        (b"gzip", "gzip", True),
        (b"GZip", "gzip", True),
        (b"x-gzip", "gzip", True),
        (b"deflate", "deflate", True),
        (b"gzip;q=0.5, identity;q=0.1", "gzip", True),
        (b"gzip;q=0.1, identity;q=0.5", "", False),
        (b"gzip;q=0", "", False),
        (b"gzip;q=none", "", False),
        (HTTPX, "gzip", False),
        (REQUESTS, "gzip", False),
        (AIOHTTP, "gzip", False),
        (b"deflate, gzip;q=0.5", "deflate", False),
        (b"gzip;q=0, deflate", "deflate", False),
        (b"*", "gzip", False),
        (b"*;q=0", "", False),
        (b"br, *;q=0.1", "gzip", False),
        (b",,;q=1,", "", False),
    ],
)
def test_a_header_accept_encoding_leads_to_one_coding(accept: bytes, coding: str, always: bool) -> None:
    wish = wish_of(accept)
    assert (wish.coding, wish.text_from == wish.other_from == 1) == (coding, always)
    assert (wish == PLAIN) == (coding == "")


def undone(answer: Any) -> tuple[str, bytes]:
    coding = dict(answer.headers).get(b"content-encoding", b"").decode()
    undo: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}
    return coding, undo[coding](answer.body)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("text", ["a", LONG, LONG * 3])
def test_a_client_that_names_one_coding_gets_it(make_ask: Callable[..., Ask], coding: str, text: str) -> None:
    answer = make_ask(script=ECHO)("POST", "/score", text.encode(), accept_encoding=coding)
    assert undone(answer) == (coding, json.dumps(text).encode())


@pytest.mark.parametrize(("text", "coding"), [("a" * 60_000, ""), (LONG, "gzip")])
def test_a_client_that_names_several_gets_long_text_compressed(
    make_ask: Callable[..., Ask], text: str, coding: str
) -> None:
    answer = make_ask(script=ECHO)("POST", "/score", text.encode(), accept_encoding=HTTPX.decode())
    assert undone(answer) == (coding, json.dumps(text).encode())


def test_errors_are_never_compressed(ask_onnx: Ask) -> None:
    """Triton's clients read them as they come."""
    answer = ask_onnx("POST", "/v2/models/linear/infer", b"x", accept_encoding="gzip")
    assert (answer.status, undone(answer)[0]) == (400, "")


def test_an_answer_without_a_body_stays_without(ask_onnx: Ask) -> None:
    assert undone(ask_onnx("OPTIONS", "/score", accept_encoding="gzip")) == ("", b"")


def binary_request() -> tuple[bytes, int]:
    tensor = {"name": "v", "datatype": "FP32", "shape": [50_000], "parameters": {"binary_data_size": 200_000}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    return head + np.zeros(50_000, dtype=np.float32).tobytes(), len(head)


@pytest.mark.parametrize(("accept", "coding"), [("gzip", "gzip"), (HTTPX.decode(), "")])
def test_the_length_of_the_json_counts_what_is_not_compressed(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes], accept: str, coding: str
) -> None:
    body, length = binary_request()
    headers = {"content_encoding": "gzip", "accept_encoding": accept, "inference_header_content_length": str(length)}
    answer = make_ask(model=identity({"v": TensorProto.FLOAT}))(
        "POST", "/v2/models/linear/infer", gzip.compress(body), **headers
    )
    assert answer.status == 200
    got, content = undone(answer)
    json_length = int(dict(answer.headers)[b"inference-header-content-length"])
    assert got == coding
    assert json.loads(content[:json_length])["outputs"][0]["shape"] == [50_000]
    assert len(content) == json_length + 200_000


# Real clients at a real process


def asked(binary: bool) -> dict[str, Any]:
    tensor = tritonclient.http.InferInput("x", [5000, 3], "FP32")
    tensor.set_data_from_numpy(np.ones((5000, 3), dtype=np.float32), binary_data=binary)
    return {"inputs": [tensor], "outputs": [tritonclient.http.InferRequestedOutput("y", binary_data=binary)]}


def test_tritons_clients_compress_both_ways(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear)
    ways = list(product(("gzip", "deflate", None), ("gzip", "deflate", None), (True, False)))

    def check(result: Any) -> None:
        np.testing.assert_array_equal(result.as_numpy("y"), np.full((5000, 1), -0.5, dtype=np.float32))

    async def aio() -> None:
        async with tritonclient.http.aio.InferenceServerClient(process.http) as client:
            for sent, taken, binary in ways:
                algorithms = {"request_compression_algorithm": sent, "response_compression_algorithm": taken}
                check(await client.infer("linear", **asked(binary), **algorithms))

    with tritonclient.http.InferenceServerClient(process.http) as client:
        for sent, taken, binary in ways:
            algorithms = {"request_compression_algorithm": sent, "response_compression_algorithm": taken}
            check(client.infer("linear", **asked(binary), **algorithms))
        with pytest.raises(InferenceServerException, match="unknown input"):
            tensor = tritonclient.http.InferInput("z", [1, 1], "FP32")
            tensor.set_data_from_numpy(np.ones((1, 1), dtype=np.float32))
            client.infer("linear", [tensor], response_compression_algorithm="gzip")
    asyncio.run(aio())


def test_clients_that_always_accept_encodings_read_long_answers(start: Callable[..., Any]) -> None:
    process = start(script=ECHO)
    answer = httpx.post(f"http://{process.http}/score", content=LONG.encode())
    assert (answer.json(), answer.headers["content-encoding"]) == (LONG, "gzip")
    answer = httpx.post(f"http://{process.http}/score", content=b"a")
    assert (answer.json(), "content-encoding" in answer.headers) == ("a", False)

"""The ids, Office's trace and CORS on the answers of Azure's routes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from serving.scoring.azure.headers import AzureHeaders
from serving.scoring.http.messages import Request, Response
from tests.serving.scoring.models import linear_model

Ask = Callable[..., Any]


def ids(answer: Any) -> dict[bytes, bytes]:
    named = [(name, value) for name, value in answer.headers if name.endswith(b"request-id")]
    assert len(dict(named)) == len(named)
    return dict(named)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"x_request_id": "r"}, {b"x-request-id": b"r", b"x-ms-request-id": b"r"}),
        (
            {"x_request_id": "r", "x_ms_client_request_id": "c"},
            {b"x-request-id": b"r", b"x-ms-request-id": b"c", b"x-ms-client-request-id": b"c"},
        ),
        (
            {"x_request_id": "r", "x_ms_request_id": "m"},
            {b"x-request-id": b"r", b"x-ms-request-id": b"m", b"x-ms-client-request-id": b"m"},
        ),
        (
            {"x_request_id": "r", "x_ms_request_id": "m", "x_ms_client_request_id": "c"},
            {b"x-request-id": b"r", b"x-ms-request-id": b"m", b"x-ms-client-request-id": b"c"},
        ),
    ],
)
def test_every_answer_has_the_ids(ask_onnx: Ask, given: dict[str, str], expected: dict[bytes, bytes]) -> None:
    for method, path, body in (("POST", "/score", {"data": [[1, 2, 3]]}), ("POST", "/score", {}), ("GET", "/", b"")):
        assert ids(ask_onnx(method, path, body, **given)) == expected


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("x_request_id", "x-request-id must not exceed 100 characters"),
        ("x_ms_request_id", "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"),
        ("x_ms_client_request_id", "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"),
    ],
)
def test_an_id_over_100_characters_is_431(ask_onnx: Ask, header: str, message: str) -> None:
    assert ask_onnx("GET", "/", **{header: "a" * 100}).status == 200
    answer = ask_onnx("GET", "/", **{header: "a" * 101})
    assert (answer.status, json.loads(answer.body)) == (431, {"message": message})


@pytest.mark.parametrize("path", ["/", "/score", "/v2", "/nowhere"])
def test_no_header_of_a_clients_comes_back_longer_than_an_id(make_ask: Callable[..., Ask], path: str) -> None:
    ask = make_ask(secret=b"s", model=linear_model())
    long = dict.fromkeys(("x_request_id", "x_ms_request_id", "x_ms_client_request_id", "traceid"), "a" * 9000)
    for status, secret in ((431, "s"), (403, "wrong")):  # a proxy that cannot hold the answer's head says 502
        answer = ask("GET", path, x_slipway_edge=secret, **long)
        assert answer.status == status
        assert {value for _, value in answer.headers if value.startswith(b"aa")} == {b"a" * 100}


def test_the_trace_of_office_is_echoed(ask_onnx: Ask) -> None:
    assert (b"TraceId", b"t1") in ask_onnx("POST", "/score", {}, traceid="t1").headers


def cors(origins: list[str], method: bytes = b"POST", **headers: bytes) -> dict[bytes, bytes]:
    request = Request(
        method, b"/score", {name.replace("_", "-").encode(): value for name, value in headers.items()}, b""
    )
    response = Response(200, b"")
    AzureHeaders(origins).add(request, response)
    return {name: value for name, value in response.headers if name.startswith((b"access-", b"vary"))}


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (["https://a.example"], b"https://a.example", True),
        (["https://a.example"], b"HTTPS://A.example", True),
        (["https://a.example", "https://b.example"], b"https://b.example", True),
        (["https://a.example"], b"https://a.example.evil.test", False),
        (["https://a.example"], b"https://b.example", False),
        (["*"], b"https://b.example", True),
        (["https://.*[.]a[.]example"], b"https://x.a.example", True),
        (["https://.*[.]a[.]example"], b"https://x.a.example.evil.test", False),
        ([], b"https://a.example", False),
    ],
)
def test_an_origin_is_allowed_if_it_is_listed(origins: list[str], origin: bytes, allowed: bool) -> None:
    expected = {b"access-control-allow-origin": origin, b"vary": b"Origin"} if allowed else {}
    assert cors(origins, origin=origin) == expected


def test_a_preflight_is_told_the_methods_and_the_headers() -> None:
    asked = {"access_control_request_method": b"POST", "access_control_request_headers": b"Authorization"}
    headers = cors(["*"], b"OPTIONS", origin=b"https://a.example", **asked)
    assert headers[b"access-control-allow-methods"] == b"GET, POST"
    assert headers[b"access-control-allow-headers"] == b"Authorization"

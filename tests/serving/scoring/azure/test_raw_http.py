"""@rawhttp, AMLRequest and AMLResponse: with the image's own Flask, and without any."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.scoring.azure.apps import SCRIPTS

Ask = Callable[..., Any]
RAW, RAW_NEW = (SCRIPTS / "raw.py").read_text(), (SCRIPTS / "raw_new.py").read_text()
HEAD = """
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
def init(): ...
@rawhttp
def run(request):
"""
FORM = {"content_type": "application/x-www-form-urlencoded"}
MULTIPART = {"content_type": 'multipart/form-data; boundary="b b"'}


@pytest.fixture(params=["flask", "no flask"], autouse=True)
def flask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the image has Flask."""
    if request.param == "no flask":
        monkeypatch.setitem(sys.modules, "flask", None)
    else:
        pytest.importorskip("flask")
    return bool(request.param == "flask")


def answered(make_ask: Callable[..., Ask], lines: str, *asked: Any, **headers: str) -> Any:
    return make_ask(script=HEAD + "".join(f"    {line}\n" for line in lines.splitlines()))(*asked, **headers)


def test_every_part_of_a_request_is_there(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script=RAW_NEW)
    answer = ask(
        "POST",
        "/score?a=1&a=2&n=5&b=%C3%BC",
        b"hello",
        x_tenant="acme",
        cookie="k=v; l=w",
        content_type="text/plain; charset=utf-8",
        host="models.example:8000",
    )
    assert json.loads(answer.body) == {
        "method": "POST",
        "path": "/score",
        "full_path": "/score?a=1&a=2&n=5&b=%C3%BC",
        "query": "a=1&a=2&n=5&b=%C3%BC",
        "args": {"a": ["1", "2"], "n": ["5"], "b": ["ü"]},
        "number": 5,
        "content_type": "text/plain; charset=utf-8",
        "mimetype": "text/plain",
        "length": 5,
        "cookies": {"k": "v", "l": "w"},
        "tenant": "acme",
        "has": True,
        "text": "hello",
        "data": "hello",
        "is_request": True,
    }


def test_the_request_knows_where_it_was_sent(make_ask: Callable[..., Ask]) -> None:
    lines = "return [request.url, request.base_url, request.host, request.host_url, request.scheme]"
    answer = answered(make_ask, lines, "GET", "/score?a=1", b"", host="models.example:8000")
    base = "http://models.example:8000"
    assert json.loads(answer.body) == [f"{base}/score?a=1", f"{base}/score", base[7:], f"{base}/", "http"]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
def test_every_method_reaches_the_script(make_ask: Callable[..., Ask], method: str) -> None:
    answer = answered(make_ask, "return AMLResponse(request.method, 202)", method, "/score")
    assert (answer.status, answer.body) == (202, method.encode())


def test_json_is_read_as_flask_reads_it(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script=RAW_NEW)
    answer = ask("POST", "/score?part=json", {"a": 1}, content_type="application/vnd.x+json")
    assert json.loads(answer.body) == {"json": {"a": 1}, "is_json": True}
    assert json.loads(ask("POST", "/score?part=silent", b"{").body) == {"json": None}


@pytest.mark.parametrize(
    ("target", "body", "headers", "status"),
    [
        ("/score?part=json", b"{", {"content_type": "application/json"}, 400),
        ("/score?part=json", b"[" * 100_000, {"content_type": "application/json"}, 400),
        ("/score?part=json", b"{}", {"content_type": "text/plain"}, 415),
    ],
)
def test_what_the_client_got_wrong_is_not_the_scripts_fault(
    make_ask: Callable[..., Ask], target: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = make_ask(script=RAW_NEW)("POST", target, body, **headers)
    assert answer.status == status
    assert (b"x-ms-run-function-failed", b"False") in answer.headers
    assert json.loads(answer.body)["message"]


def test_a_form_is_read_with_all_its_values(make_ask: Callable[..., Ask]) -> None:
    answer = make_ask(script=RAW_NEW)("POST", "/score?part=form", b"name=a&name=b&x=%20", **FORM)
    assert json.loads(answer.body) == {"form": {"name": ["a", "b"], "x": [" "]}, "one": "a"}


def test_a_form_with_files_is_read(make_ask: Callable[..., Ask], tmp_path: Any) -> None:
    body = (
        b"a preamble\r\n--b b\r\nContent-Disposition: form-data; name=note\r\n\r\n\xc3\xbc\r\n"
        b'--b b\r\nContent-Disposition: form-data; name="image"; filename="a \\"b\\".png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--b\r\n\x00\r\n"
        b'--b b\r\ncontent-disposition: form-data; name="image"; filename="two.bin"\r\n\r\n\r\n--b b--\r\n'
    )
    lines = f"""
one, two = request.files.getlist("image")
one.save({str(tmp_path / "saved")!r})
return [request.form["note"], one.filename, one.name, one.mimetype, two.filename, list(two.read()), len(request.files)]
"""
    answer = answered(make_ask, lines.strip(), "POST", "/score", body, **MULTIPART)
    assert json.loads(answer.body) == ["ü", 'a "b".png', "image", "image/png", "two.bin", [], 1]
    assert (tmp_path / "saved").read_bytes() == b"\x89PNG\r\n--b\r\n\x00"


def test_an_answer_keeps_its_status_type_and_headers(make_ask: Callable[..., Ask]) -> None:
    answer = make_ask(script=RAW)("POST", "/score", b"\x00\xff", content_type="image/png")
    assert (answer.status, answer.body, answer.content_type) == (201, b"\x00\xff", b"image/png")
    assert [value for name, value in answer.headers if name == b"x-two"] == [b"a", b"b"]
    assert (b"x-length", b"2") in answer.headers
    assert float(dict(answer.headers)[b"x-ms-run-fn-exec-ms"]) >= 0


@pytest.mark.parametrize(
    ("part", "status", "body", "failed"),
    [
        ("fail", 503, b'{"error": "down"}', b"True"),
        ("said", 200, b"said", b"True"),
        ("none", 202, b"{}", b"False"),
        ("empty", 204, b"", b"False"),
    ],
)
def test_an_answer_says_whether_run_failed(
    make_ask: Callable[..., Ask], part: str, status: int, body: bytes, failed: bytes
) -> None:
    answer = make_ask(script=RAW_NEW)("POST", f"/score?part={part}")
    assert (answer.status, answer.body) == (status, body)
    assert [value for name, value in answer.headers if name == b"x-ms-run-function-failed"] == [failed]


def test_the_ids_and_the_framing_are_the_servers(make_ask: Callable[..., Ask]) -> None:
    mine = {
        "x-request-id": "m",
        "X-MS-Request-Id": "m",
        "Content-Length": "9",
        "Transfer-Encoding": "chunked",
        "X-Own": "k",
    }
    answer = answered(make_ask, f"return AMLResponse('abc', 200, {mine})", "POST", "/score", b"", x_request_id="r1")
    assert [header for header in answer.headers if b"id" in header[0]] == [
        (b"x-request-id", b"r1"),
        (b"x-ms-request-id", b"r1"),
    ]
    assert {name for name, _ in answer.headers}.isdisjoint({b"content-length", b"transfer-encoding"})
    assert (b"x-own", b"k") in answer.headers


@pytest.mark.parametrize(
    "answer", ["AMLResponse('x', 99)", "AMLResponse('x', 700)", "AMLResponse('x', 200, {'A': '\\x01'})"]
)
def test_a_response_that_http_cannot_carry_is_an_internal_error(make_ask: Callable[..., Ask], answer: str) -> None:
    assert answered(make_ask, f"return {answer}", "POST", "/score").status == 500


def test_a_response_may_come_piece_by_piece(make_ask: Callable[..., Ask]) -> None:
    answer = answered(make_ask, "return AMLResponse((str(n) for n in range(3)), 201)", "POST", "/score")
    assert (answer.status, answer.body, answer.content_type) == (201, b"012", b"text/html; charset=utf-8")
    assert (b"x-ms-run-function-failed", b"False") in answer.headers


def test_a_response_that_fails_before_its_first_piece_is_a_500(make_ask: Callable[..., Ask]) -> None:
    answer = answered(make_ask, "return AMLResponse((1 / 0 for _ in range(3)), 200)", "POST", "/score")
    assert answer.status == 500
    assert (b"x-ms-run-function-failed", b"True") in answer.headers


@pytest.mark.parametrize("path", ["/invocations", "/v1/models/linear:predict", "/v2/models/linear/infer"])
def test_other_doors_name_the_one_that_a_raw_script_has(make_ask: Callable[..., Ask], path: str) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}
    answer = make_ask(script=RAW)("POST", path, {"instances": [1], "inputs": [tensor]}, content_type="application/json")
    assert answer.status == 400
    assert b"@rawhttp, so it answers at /score only" in answer.body


def test_flasks_own_names_work_in_a_script_that_has_it(make_ask: Callable[..., Ask], flask: bool) -> None:
    if not flask:
        return
    script = "import flask\ndef init(): ...\ndef run(data): return flask.jsonify(path=flask.request.path, data=data)\n"
    answer = make_ask(script=script)("POST", "/score", b"x")
    assert json.loads(answer.body) == {"path": "/score", "data": "x"}


def test_a_response_is_understood_at_the_other_doors(make_ask: Callable[..., Ask]) -> None:
    script = """
from azureml_inference_server_http.api.aml_response import AMLResponse
import json
def init(): ...
def run(data):
    status = int(json.loads(data)["data"][0][0])
    return AMLResponse([status], status, json_str=True)
"""
    ask = make_ask(script=script)
    for status, expected in ((200, 200), (404, 400), (503, 500)):
        assert ask("POST", "/score", {"data": [[status]]}).status == status
        assert ask("POST", "/invocations", {"data": [[status]]}, content_type="application/json").status == expected
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [status]}
        answer = ask("POST", "/v2/models/linear/infer", {"inputs": [tensor]})
        assert answer.status == expected
        if expected == 200:
            assert json.loads(answer.body)["outputs"][0]["data"] == [200]


def test_the_edges_header_is_nowhere_in_the_request(make_ask: Callable[..., Ask]) -> None:
    lines = "return [dict(request.headers), str(getattr(request, 'environ', ''))]"
    answer = answered(make_ask, lines, "POST", "/score", b"", x_slipway_edge="s3cret", x_tenant="acme")
    assert b"s3cret" not in answer.body
    assert b"acme" in answer.body

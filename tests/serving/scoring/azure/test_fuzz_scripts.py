"""Any bytes at the doors of a script are an answer or the client's mistake: no 5xx, unless it is the script's own."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serving.scoring.errors import InvalidInput
from serving.scoring.runtimes.azureml.multipart import read_form
from tests.serving.scoring.azure.apps import SCRIPTS

Ask = Callable[..., Any]
FEW = settings(
    max_examples=int(os.environ.get("SLIPWAY_FUZZ_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXT = "def init(): ...\ndef run(data, request_headers): return [data, request_headers]\n"
PARTS = """
from azureml_inference_server_http.api.aml_request import rawhttp
def init(): ...
@rawhttp
def run(request):
    request.args, request.cookies, request.url, request.get_data(as_text=True), request.mimetype_params
    files = [[file.filename, len(file.read())] for file in request.files.values()]
    return [request.form.to_dict(flat=False), files, request.values.to_dict(), request.get_json()]
"""
JSON_TYPES = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "application/x+json", "text/plain", ""]
)
KINDS = JSON_TYPES | st.sampled_from(
    [
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary*=utf-8''%FF",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
bodies = st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode())
targets = st.text('abc=&[]{}"0123,%+;?', max_size=40)
piece = st.sampled_from(
    [b"--b", b"\r\n", b"--", b"\r\n\r\n", b"Content-Disposition: form-data; name=a", b"; filename=f"]
)
forms = st.lists(piece | st.binary(max_size=5), max_size=20).map(b"".join)


def expect_answer(answer: Any) -> None:
    assert answer.status == 200 or 400 <= answer.status < 500, answer.body
    json.loads(answer.body)


@pytest.fixture
def ask_text(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=TEXT)


@pytest.fixture
def ask_named(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=(SCRIPTS / "numpy_schema.py").read_text())


@pytest.fixture
def ask_frame(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=(SCRIPTS / "pandas_schema.py").read_text())


@pytest.fixture(params=["flask", "no flask"])
def ask_raw(request: pytest.FixtureRequest, make_ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch) -> Ask:
    if request.param == "no flask":
        monkeypatch.setitem(sys.modules, "flask", None)
    return make_ask(script=PARTS)


@FEW
@given(body=bodies, query=targets, kind=KINDS)
@example(body=b"", query="a=" + "[" * 990 + "]" * 990, kind="")
@example(body=b"", query="a=" + "9" * 5000, kind="")
def test_a_script_that_takes_text_is_given_any(ask_text: Ask, body: bytes, query: str, kind: str) -> None:
    expect_answer(ask_text("POST", "/score", body, content_type=kind))
    expect_answer(ask_text("GET", f"/score?{query}"))


@FEW
@given(body=bodies, kind=JSON_TYPES)
@example(body=b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}", kind="application/json")
def test_a_schema_is_given_any_body(ask_named: Ask, body: bytes, kind: str) -> None:
    expect_answer(ask_named("POST", "/score", body, content_type=kind))


@FEW
@given(data=values, factor=values)
def test_a_schemas_values_are_any(ask_named: Ask, data: Any, factor: Any) -> None:
    expect_answer(ask_named("POST", "/score", {"data": data, "factor": factor}, content_type="application/json"))


rows = st.lists(
    st.fixed_dictionaries({}, optional={"age": values, "city": values, "income": values, "other": values}), max_size=3
)


@FEW
@given(frame=values | rows)
def test_a_frame_is_given_any_rows_and_never_fails_before_run(ask_frame: Ask, frame: Any) -> None:
    answer = ask_frame("POST", "/score", {"Inputs": frame}, content_type="application/json")
    of_run = (b"x-ms-run-function-failed", b"True") in answer.headers or answer.status == 500
    assert answer.status in (200, 400) or of_run  # run() may fail on columns that fit by number only


@FEW
@given(body=bodies | forms, query=targets, kind=KINDS, cookie=st.text('ab=;"\\,{}', max_size=20))
def test_a_raw_request_is_read_whatever_it_holds(ask_raw: Ask, body: bytes, query: str, kind: str, cookie: str) -> None:
    expect_answer(ask_raw("POST", f"/score?{query}", body, content_type=kind, cookie=cookie))


@FEW
@given(body=forms)
def test_a_form_is_read_or_refused(body: bytes) -> None:
    try:
        fields, files = read_form(body, "multipart/form-data; boundary=b")
    except InvalidInput:
        return
    assert sum(len(text) for _, text in fields) + sum(file.content_length for _, file in files) <= len(body)


@FEW
@given(query=targets | st.sampled_from(["version=3", "version=", "version=3&version=9", "version=%FF"]))
def test_a_swagger_of_any_version_is_answered(ask_named: Ask, query: str) -> None:
    answer = ask_named("GET", f"/swagger.json?{query}")
    assert answer.status in (200, 404)
    json.loads(answer.body)

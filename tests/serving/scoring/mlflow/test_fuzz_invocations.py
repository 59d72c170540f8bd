"""Any CSV, Parquet, JSON lines, Content-Type and Accept at a model without code: an answer, or the client's mistake."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from tests.effort import effort
from tests.serving.scoring.splices import SPLICES, spliced

Ask = Callable[..., Any]
TYPES = ["text/csv", "application/vnd.apache.parquet", "application/jsonlines", "application/json"]
FRAME = pd.DataFrame({"f": np.array([1.5, 2], dtype="f4"), "i": [1, 2], "s": ['a "b"', "c,d\ne"], "b": [True, False]})


def parquet(**options: Any) -> bytes:
    target = io.BytesIO()
    FRAME.to_parquet(target, index=False, **options)
    return target.getvalue()


GOOD = {
    "csv": (TYPES[0], FRAME.to_csv(index=False).encode()),
    "parquet": (TYPES[1], parquet()),
    "plain parquet": (TYPES[1], parquet(compression=None, use_dictionary=False)),
    "lines": (TYPES[2], b'{"f": NaN, "i": 1, "s": "a", "b": true}\n{"f": 1, "i": 2, "s": "", "b": false}\n'),
}


@pytest.fixture
def ask(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> Ask:
    kinds = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "s": TensorProto.STRING, "b": TensorProto.BOOL}
    return make_ask(model=identity(kinds))


def expect_answer(answer: Any) -> None:
    assert answer.status in (200, 400, 406, 415), answer.body
    if answer.status in (400, 406):
        assert json.loads(answer.body)["error_code"] == "BAD_REQUEST"


@pytest.mark.parametrize("kind", GOOD)
def test_a_body_that_is_right_is_answered(ask: Ask, kind: str) -> None:
    content_type, body = GOOD[kind]
    assert ask("POST", "/invocations", body, content_type=content_type).status == 200


@pytest.mark.parametrize("content_type", TYPES)
@effort()
@given(body=st.binary(max_size=200))
@example(body=b"[" * 100_000)
@example(body=b'f,i,s,b\n"' + b"x" * 200_000)
def test_any_bytes_are_answered(ask: Ask, content_type: str, body: bytes) -> None:
    expect_answer(ask("POST", "/invocations", body, content_type=content_type))


@pytest.mark.parametrize("kind", GOOD)
@effort()
@given(changes=SPLICES)
def test_a_body_with_a_few_wrong_bytes_is_answered(ask: Ask, kind: str, changes: Any) -> None:
    content_type, body = GOOD[kind]
    expect_answer(ask("POST", "/invocations", spliced(body, changes), content_type=content_type))


@effort()
@given(text=st.text(alphabet='fisb,"1.-eNTau: \n\r\0é', max_size=40))
@example(text="")
@example(text="f,i,s,b\n,,,\n")
def test_any_csv_is_answered(ask: Ask, text: str) -> None:
    expect_answer(ask("POST", "/invocations", ("f,i,s,b\n" + text).encode(), content_type="text/csv"))


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
PARTS = st.sampled_from([*TYPES, "*/*", "text/*", "charset=utf-8", "charset=", "q=0.5", "q=nan", "q=-1", "", ";", ","])
HEADERS = HEADER | st.builds(lambda parts, mark: mark.join(parts), st.lists(PARTS, max_size=4), st.sampled_from(";,"))


@effort()
@given(content_type=HEADERS, accept=HEADERS)
def test_any_content_type_and_accept_are_answered(ask: Ask, content_type: str, accept: str) -> None:
    expect_answer(ask("POST", "/invocations", GOOD["csv"][1], content_type=content_type, accept=accept))

"""Any body at KServe's first protocol, of a model without code and of an MLflow model: an answer, or a 400."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from tests.effort import effort
from tests.serving.scoring.mlflow.saved import MODELS
from tests.serving.scoring.splices import SPLICES, spliced

pytestmark = pytest.mark.filterwarnings("ignore")

Ask = Callable[..., Any]
PREDICT = "/v1/models/linear:predict"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("fisx"), inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(["instances", "inputs", "parameters", "messages"]), VALUES, max_size=2)
GOOD = b'{"instances": [{"f": 1.5, "i": 1, "s": "a"}, {"f": NaN, "i": 2, "s": ""}]}'


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells") / "cells"
    MODELS["cells"](folder)
    return folder


@pytest.fixture(params=["onnx", "mlflow"])
def ask(
    request: pytest.FixtureRequest,
    make_ask: Callable[..., Ask],
    identity: Callable[[dict[str, int]], bytes],
    cells: Path,
) -> Ask:
    if request.param == "mlflow":
        return make_ask(mlflow=cells)
    return make_ask(model=identity({"f": TensorProto.FLOAT, "i": TensorProto.INT64, "s": TensorProto.STRING}))


def expect_answer(answer: Any) -> None:
    assert answer.status in (200, 400), answer.body
    assert list(json.loads(answer.body)) == ["predictions" if answer.status == 200 else "error"]


@effort()
@given(body=BODIES)
@example(body=json.loads(GOOD))
@example(body={"instances": [{"i": 2**70}]})
def test_any_document_is_answered(ask: Ask, body: Any) -> None:
    expect_answer(ask("POST", PREDICT, json.dumps(body).encode()))


@effort()
@given(changes=SPLICES)
def test_a_body_with_a_few_wrong_bytes_is_answered(ask: Ask, changes: Any) -> None:
    expect_answer(ask("POST", PREDICT, spliced(GOOD, changes)))


@effort()
@given(body=st.binary(max_size=100))
@example(body=b'{"instances": ' + b"[" * 50_000)
def test_any_bytes_are_answered(ask: Ask, body: bytes) -> None:
    expect_answer(ask("POST", PREDICT, body))

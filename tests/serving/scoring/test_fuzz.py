"""Any bytes at the JSON doors of an ONNX model, /v2's aside, are an answer or the client's mistake: no 5xx, no wait."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from tests.effort import effort
from tests.serving.scoring.splices import SPLICES, spliced

Ask = Callable[..., Any]
PATHS = ["/score", "/invocations", "/v1/models/linear:predict"]
FEW = effort()

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["f", "i", "s", "u"]), inner, max_size=3)
    ),
    max_leaves=12,
)
documents = st.one_of(
    values,
    st.fixed_dictionaries({"data": values}),
    st.dictionaries(
        st.sampled_from(["inputs", "instances", "dataframe_split", "dataframe_records"]), values, max_size=2
    ),
)


@pytest.fixture
def ask(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> Iterator[Ask]:
    kinds = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "s": TensorProto.STRING, "u": TensorProto.UINT8}
    yield make_ask(model=identity(kinds))


def expect_answer(response: Any) -> None:
    assert response.status == 200 or 400 <= response.status < 500, response.body
    if response.status != 200:
        document = json.loads(response.body)
        assert set(document) in ({"message"}, {"error"}, {"error_code", "message"})
        assert all(isinstance(text, str) for text in document.values())


@pytest.mark.parametrize("path", PATHS)
@FEW
@given(body=st.binary(max_size=200))
@example(body=b'{"data": ' + b"9" * 5000 + b"}")
@example(body=b'{"inputs": [' + b'{"data":' * 5000)
def test_any_bytes_are_answered(ask: Ask, path: str, body: bytes) -> None:
    expect_answer(ask("POST", path, body))


@pytest.mark.parametrize("path", PATHS)
@FEW
@given(document=documents)
def test_any_document_is_answered(ask: Ask, path: str, document: Any) -> None:
    expect_answer(ask("POST", path, json.dumps(document).encode()))


# Bodies that are right but for a few splices find what random bytes never reach.

GOOD = [
    ("/score", b'{"data": {"f": [1, NaN], "i": [1, 2], "s": ["a", "\\u00fc"], "u": [1, 2]}}'),
    ("/invocations", b'{"inputs": {"f": [1, 2], "i": [1, 2], "s": ["a", "b"], "u": [1, 2]}}'),
    ("/invocations", b'{"dataframe_split": {"columns": ["f", "i", "s", "u"], "data": [[1, 2, "a", 3]]}}'),
    ("/invocations", b'{"dataframe_records": [{"f": NaN, "i": 2, "s": "a", "u": 3}]}'),
]


@pytest.mark.parametrize("good", GOOD)
@FEW
@given(changes=SPLICES)
def test_a_body_with_a_few_wrong_bytes_is_answered(ask: Ask, good: tuple[str, bytes], changes: Any) -> None:
    path, body = good
    expect_answer(ask("POST", path, spliced(body, changes)))

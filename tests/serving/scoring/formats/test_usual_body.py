"""The usual body is read as any other is, only sooner; what is not usual is left to the door's own reader."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.errors import InvalidInput
from serving.scoring.formats.json_forms import tensors_of
from serving.scoring.formats.usual_body import UsualBody
from serving.scoring.tensors import Signature, TensorSpec
from tests.effort import effort

DATATYPES = ["FP32", "FP64", "INT8", "INT64", "UINT64", "BOOL", "BYTES"]
elements = (
    st.integers(-(1 << 65), 1 << 65) | st.floats() | st.booleans() | st.text(max_size=3) | st.none() | st.just([1.5])
)
rows = st.lists(st.lists(elements, max_size=3), max_size=3) | st.lists(elements, max_size=3) | elements


def signature_of(datatype: str, shape: tuple[int, ...] = (-1, -1)) -> Signature:
    return Signature([TensorSpec("x", datatype, shape)], [TensorSpec("y", datatype, shape)])


@effort(300)
@given(datatype=st.sampled_from(DATATYPES), values=rows)
def test_what_it_reads_the_door_reads_alike(datatype: str, values: Any) -> None:
    signature, body = signature_of(datatype), json.dumps({"inputs": values}).encode()
    soon = UsualBody("inputs", signature).read(body)
    if soon is None:
        return
    slowly = tensors_of(body, signature)
    assert slowly["x"].dtype == soon["x"].dtype
    assert slowly["x"].shape == soon["x"].shape
    np.testing.assert_array_equal(slowly["x"], soon["x"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [[1.0]], "instances": [[1.0]]}',
        b'{"instances": [[1.0]]}',
        b'{"inputs": {"x": [[1.0]]}}',
        b'{"inputs": [[NaN]]}',
        b'{"inputs": [[1e39]]}',
        b'{"inputs": [[1, 2], [3]]}',
        b'{"inputs": [1.0]}',
        b"[[1.0]]",
        b"",
    ],
)
def test_any_other_body_is_left_to_the_door(body: bytes) -> None:
    assert UsualBody("inputs", signature_of("FP32")).read(body) is None


def test_a_model_of_several_inputs_has_no_usual_body() -> None:
    spec = TensorSpec("x", "FP32", (-1,))
    several = Signature([spec, TensorSpec("z", "FP32", (-1,))], [spec])
    assert UsualBody("inputs", several).read(b'{"inputs": [1.0]}') is None
    assert UsualBody("inputs", None).read(b'{"inputs": [1.0]}') is None


def test_a_number_out_of_range_is_refused_in_the_doors_words() -> None:
    with pytest.raises(InvalidInput, match="input 'x'"):
        tensors_of(b'{"inputs": [[1e39]]}', signature_of("FP32"))

"""CSV at a model without code: by name, by order, in the types of the inputs, without pandas."""

import json
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto

from serving.scoring.errors import InvalidInput
from serving.scoring.formats.csv_rows import check_width, tensors_of_csv
from serving.scoring.tensors import DTYPES, Signature, TensorSpec

Ask = Callable[..., Any]
EVERY = {name: TensorSpec(name.lower(), name, [-1]) for name in DTYPES}
EVERY_B = TensorSpec("b", "INT64", [-1])
MATRIX = Signature([TensorSpec("x", "FP32", [-1, 3])], [])


def named(*datatypes: str) -> Signature:
    return Signature([EVERY[name] for name in datatypes], [])


def test_columns_in_their_order_are_rows_of_the_only_input(ask_onnx: Ask) -> None:
    answer = ask_onnx("POST", "/invocations", b"a,b,c\n1,2,3\n0.25,-8,0.5\n", content_type="text/csv")
    assert json.loads(answer.body) == {"predictions": [[-6.5], [-17.25]]}


def test_columns_named_like_the_inputs_are_taken_by_name(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT64, "b": TensorProto.STRING}))
    answer = ask("POST", "/invocations", b'b,a\r\n"p, q",1\r\n,2\r\n', content_type="text/csv")
    assert json.loads(answer.body) == {"predictions": {"a_out": [1, 2], "b_out": ["p, q", ""]}}


def test_what_pandas_writes_is_read_as_it_was() -> None:
    frame = pd.DataFrame(
        {
            "fp64": [1.5, math.nan, -math.inf, 1e-300],
            "fp32": np.array([0.1, math.nan, math.inf, 3.4e38], dtype=np.float32),
            "int64": [2**63 - 1, -(2**63), 0, 7],
            "uint64": np.array([2**64 - 1, 0, 1, 2], dtype=np.uint64),
            "uint8": np.array([255, 0, 1, 2], dtype=np.uint8),
            "bool": [True, False, True, False],
            "bytes": ["a\nb", 'say "x"', "ünï", "1,2"],
        }
    )
    signature = named("FP64", "FP32", "INT64", "UINT64", "UINT8", "BOOL", "BYTES")
    tensors = tensors_of_csv(frame.to_csv(index=False).encode(), signature)
    for name in frame:
        np.testing.assert_array_equal(tensors[str(name)], frame[name].to_numpy())
        assert tensors[str(name)].dtype == signature.input(str(name)).dtype


def test_a_column_of_a_matrix_input_is_a_column() -> None:
    tensors = tensors_of_csv(b"a,b\n1,2\n", Signature([TensorSpec("a", "FP32", [-1, 1]), EVERY_B], []))
    assert (tensors["a"].shape, tensors["b"].shape) == ((1, 1), (1,))


def test_a_header_alone_is_no_rows() -> None:
    assert tensors_of_csv(b"a,b,c\n", MATRIX)["x"].shape == (0, 3)


def test_a_byte_order_mark_and_blank_lines_are_nothing() -> None:
    assert tensors_of_csv(b"\xef\xbb\xbfint64\n\n1\n\n", named("INT64"))["int64"].tolist() == [1]


@pytest.mark.parametrize(
    ("body", "signature", "message"),
    [
        (b"", MATRIX, "the CSV is empty"),
        (b"a,b,c\n1,2\n", MATRIX, "row 0 has 2 values for 3 columns"),
        (b"a,b,c\n1,2,3\n1,2,x\n", MATRIX, "row 1, column 'c': 'x' is no FP32"),
        (b"a,b,c\n1,2,1e39\n", MATRIX, "a number is out of range for FP32"),
        (b"a,b,c\n1,2,1_0\n", MATRIX, "'1_0' is no FP32"),
        ("a,b,c\n1,2,٣\n".encode(), MATRIX, "is no FP32"),
        (b"a,b,c\n1,2,\xff\n", MATRIX, "the body is not CSV"),
        (b'a,b,c\n1,2,"3\n', MATRIX, "the body is not CSV"),
        (b"int64\n1.5\n", named("INT64"), "row 0, column 'int64': '1.5' is no INT64"),
        (b"int64\n9223372036854775808\n", named("INT64"), "is no INT64"),
        (b"uint8\n256\n", named("UINT8"), "'256' is no UINT8"),
        (b"uint8\n-1\n", named("UINT8"), "'-1' is no UINT8"),
        (b"bool\n2\n", named("BOOL"), "'2' is no BOOL"),
        (b"int64,fp32\n1,2\n", named("INT64", "FP64"), "the model has 2 inputs, so name each"),
    ],
)
def test_what_does_not_fit_names_its_place(body: bytes, signature: Signature, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        tensors_of_csv(body, signature)
    assert message in raised.value.message


@pytest.mark.parametrize("body", [b"," * 20_000_000, b"a\n" + b"," * 20_000_000, b'"\n",' * 5_000_000])
def test_millions_of_columns_are_refused_in_little_memory(body: bytes) -> None:
    for read in (check_width, lambda body: tensors_of_csv(body, MATRIX)):
        tracemalloc.start()
        with pytest.raises(InvalidInput, match="more than 65536 cells"):
            read(body)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 6 * len(body)


def test_a_long_table_of_few_columns_is_wide_enough() -> None:
    check_width(b"a,b\n" + b"1,2\n" * 100_000)


def test_a_million_rows_take_few_times_their_text() -> None:
    body = b"a,b,c\n" + b"1,2,3\n" * 300_000
    tracemalloc.start()
    tensors = tensors_of_csv(body, MATRIX)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tensors["x"].shape == (300_000, 3)
    assert peak < 16 * len(body)

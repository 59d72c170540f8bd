"""Parquet at a model without code, where the image has pyarrow; and what a small file may not do."""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from onnx import TensorProto
from pyarrow import parquet

from serving.scoring.errors import InvalidInput
from serving.scoring.formats.parquet import read_parquet

Ask = Callable[..., Any]
TYPE = "application/vnd.apache.parquet"


def written(columns: dict[str, Any], **options: Any) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pa.table(columns), target, **options)
    return target.getvalue()


def test_columns_in_their_order_are_rows_of_the_only_input(ask_onnx: Ask) -> None:
    body = pd.DataFrame({"a": [1.0, 0.25], "b": [2, -8], "c": np.array([3, 0.5], dtype="f4")}).to_parquet()
    answer = ask_onnx("POST", "/invocations", body, content_type=TYPE)
    assert json.loads(answer.body) == {"predictions": [[-6.5], [-17.25]]}


def test_columns_named_like_the_inputs_are_taken_by_name(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    kinds = {"i": TensorProto.INT64, "s": TensorProto.STRING, "b": TensorProto.BOOL, "f": TensorProto.FLOAT}
    ask = make_ask(model=identity(kinds))
    body = written({"f": [1.5, None], "s": ["p", "ü"], "b": [True, False], "i": pa.array([1, 2], pa.uint8())})
    answer = json.loads(ask("POST", "/invocations", body, content_type=TYPE).body)["predictions"]
    assert math.isnan(answer["f_out"].pop())
    assert answer == {"i_out": [1, 2], "s_out": ["p", "ü"], "b_out": [True, False], "f_out": [1.5]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1.0], "b": [1.0]}, "expected shape [-1, 3], got [1, 2]"),
        ({"a": ["p"], "b": [1.0], "c": [1.0]}, "column 'a': string is no FP32"),
        ({"a": [1e39], "b": [1.0], "c": [1.0]}, "column 'a': a number is out of range for FP32"),
        ({"a": [[1.0]], "b": [1.0], "c": [1.0]}, "column 'a': list<element: double> is no FP32"),
        ({}, "no columns"),
    ],
)
def test_what_does_not_fit_names_the_column(ask_onnx: Ask, columns: Any, message: str) -> None:
    answer = ask_onnx("POST", "/invocations", written(columns), content_type=TYPE)
    assert answer.status == 400
    assert message in json.loads(answer.body)["message"]


@pytest.mark.parametrize("value", [[1, None], [1.5, 2.0], [2**63, 1], ["a", "b"]])
def test_integers_are_neither_missing_nor_rounded_nor_wrapped(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes], value: Any
) -> None:
    kind = pa.uint64() if value[0] == 2**63 else None
    body = written({"i": pa.array(value, kind)})
    ask = make_ask(model=identity({"i": TensorProto.INT64}))
    answer = ask("POST", "/invocations", body, content_type=TYPE)
    assert answer.status == 400
    assert "column 'i'" in json.loads(answer.body)["message"]


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"nonsense" * 50])
def test_what_is_no_parquet_is_a_400(ask_onnx: Ask, body: bytes) -> None:
    answer = ask_onnx("POST", "/invocations", body, content_type=TYPE)
    assert answer.status == 400
    assert "not Parquet" in json.loads(answer.body)["message"]


def test_an_image_without_pyarrow_says_what_to_add(start: Callable[..., Any], linear: bytes, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    process = start(model=linear, environment={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"})
    content = written({"a": [1.0]})
    answer = httpx.post(f"http://{process.http}/invocations", content=content, headers={"content-type": TYPE})
    assert answer.status_code == 415
    assert "add pyarrow to its requirements" in answer.text


def equal_numbers() -> bytes:
    """Some kilobytes of a dictionary and indices."""
    column = pa.DictionaryArray.from_arrays(np.zeros(10_000_000, dtype=np.int8), [7.0])
    return written({"x": column}, compression="zstd", store_schema=False)


def one_long_text() -> bytes:
    """A text of 100 kB, a thousand times."""
    column = pa.DictionaryArray.from_arrays(np.zeros(1000, dtype=np.int32), ["x" * 100_000])
    return written({"x": column}, compression="zstd", store_schema=False)


def zeros() -> bytes:
    """Plain numbers that compress to nothing."""
    return written({"x": np.zeros(5_000_000)}, compression="zstd", use_dictionary=False)


def long_list() -> bytes:
    """One row, which is a list of 10 million values."""
    offsets = pa.array([0, 10_000_000], pa.int32())
    values = pa.array(np.zeros(10_000_000, dtype=np.int8))
    return written({"x": pa.ListArray.from_arrays(offsets, values)}, compression="zstd")


@pytest.mark.parametrize("bomb", [equal_numbers, one_long_text, zeros, long_list])
def test_a_small_file_that_stands_for_much_is_refused_in_bounded_memory(bomb: Callable[[], bytes]) -> None:
    body = bomb()
    assert len(body) < 1 << 20
    pool, before = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(InvalidInput, match="takes more than 32 MB"):
            read_parquet(body, limit_bytes=32 << 20)
    finally:
        pa.set_memory_pool(before)
    assert pool.max_memory() < 48 << 20

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
from serving.scoring.formats.parquet_pages import unpacked

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


def test_a_table_without_rows_is_no_rows(ask_onnx: Ask) -> None:
    body = written({name: pa.array([], pa.float64()) for name in "abc"})
    answer = ask_onnx("POST", "/invocations", body, content_type=TYPE)
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": []})


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
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['pyarrow'] = None")
    process = start(model=linear, environment={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"})
    content = written({"a": [1.0]})
    answer = httpx.post(f"http://{process.http}/invocations", content=content, headers={"content-type": TYPE})
    assert answer.status_code == 415
    assert "add pyarrow to its requirements" in answer.text
    document = httpx.get(f"http://{process.http}/openapi.json").json()
    assert TYPE not in document["paths"]["/invocations"]["post"]["requestBody"]["content"]


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
    assert pool.max_memory() < 64 << 20


def test_a_footer_that_lies_about_its_pages_is_not_believed() -> None:
    body = long_list()
    footer = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    number = varint(10_000_000)
    assert number in body[footer:]
    lying = body[:footer] + body[footer:].replace(number, varint(1, len(number)))
    assert parquet.ParquetFile(pa.BufferReader(lying)).metadata.row_group(0).column(0).num_values == 1
    with pytest.raises(InvalidInput, match="takes more than 32 MB"):
        read_parquet(lying, limit_bytes=32 << 20)


def varint(number: int, length: int = 0) -> bytes:
    """A number as Thrift writes it, perhaps longer than it need be."""
    rest = number << 1
    parts: list[int] = []
    while rest or len(parts) < max(1, length):
        parts.append(rest & 0x7F)
        rest >>= 7
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


@pytest.mark.parametrize(
    "options", [{}, {"data_page_version": "2.0"}, {"use_dictionary": False}, {"compression": "none"}]
)
def test_pages_are_counted_as_they_were_written(options: Any) -> None:
    texts = [None if number % 7 == 0 else f"text {number % 50}" for number in range(50_000)]
    body = written({"s": texts}, data_page_size=10_000, write_page_checksum=True, **options)
    chunk = parquet.ParquetFile(pa.BufferReader(body)).metadata.row_group(0).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    found = unpacked(body, start, chunk.total_compressed_size)
    distinct = 49 if chunk.has_dictionary_page else 0
    assert abs(found.values - distinct - 50_000) <= 1
    assert 0 < chunk.total_uncompressed_size - found.size_bytes < 100 * 100  # the headers themselves
    assert found.largest_bytes < found.size_bytes


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x15",
        b"\x1c" * 100,
        b"\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x1e",
        b"\x19\xf1" + b"\xff" * 9,
    ],
)
def test_no_pages_are_told_as_that(body: bytes) -> None:
    with pytest.raises(ValueError, match="a page"):
        unpacked(b"PAR1" + body + b"\0", 4, 1)

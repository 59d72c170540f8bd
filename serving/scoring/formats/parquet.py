"""Parquet, where the image has pyarrow: read within a bound, whatever a small file stands for.

A kilobyte of Parquet may be a billion equal rows, or one text repeated a million times. So what its pages unpack to is
judged before they are, and it is read a piece at a time.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Iterator, List

import numpy as np

from ..errors import InvalidInput, UnsupportedMediaType
from ..tensors import DTYPES, Array, Signature, Tensors, TensorSpec
from .json_arrays import narrowed
from .parquet_pages import unpacked
from .placement import MAX_COLUMNS, are_inputs, as_input, only_input

MAX_TABLE_BYTES = 512 << 20
_CELL_BYTES = 8  # of a number in memory
_BATCH_ROWS = 1 << 16
_PIECES = 4  # of the bound, to be read at a time: arrow takes three times a piece while it reads it


def is_readable() -> bool:
    """Say whether the image has pyarrow, without importing it."""
    return importlib.util.find_spec("pyarrow") is not None


def read_parquet(body: bytes, limit_bytes: int = MAX_TABLE_BYTES) -> Any:
    """Return a body as a ``pyarrow.Table`` of at most ``limit_bytes``.

    Raises:
        UnsupportedMediaType: the image has no pyarrow.
        InvalidInput: it is no Parquet, or takes too much memory.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UnsupportedMediaType(
            "this image has no pyarrow, which reads Parquet: add pyarrow to its requirements, or send JSON or CSV"
        ) from error
    try:
        file = parquet.ParquetFile(pa.BufferReader(body))
        text_bytes = _text_bytes(body, file.metadata, limit_bytes)
        table = pa.Table.from_batches(list(_within_bound(file, limit_bytes, text_bytes)), file.schema_arrow)
        table.validate(full=True)  # texts that are no UTF-8 would fail wherever they are read first
        return table
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise InvalidInput(f"the body is not Parquet that can be read: {error}") from error


def tensors_of_parquet(body: bytes, signature: Signature) -> Tensors:
    """Read columns by name when they are the model's inputs; else in their order as rows of the only input.

    Raises:
        UnsupportedMediaType, InvalidInput
    """
    table = read_parquet(body)
    columns: List[str] = table.column_names
    if are_inputs(columns, signature):
        return {spec.name: as_input(_column(table, spec.name, spec), spec) for spec in signature.inputs}
    only = only_input(signature)
    if len(set(columns)) != len(columns) or not columns:
        raise InvalidInput("the table has no columns, or two of one name")
    return {only.name: np.column_stack([_column(table, name, only) for name in columns])}


def _text_bytes(body: bytes, metadata: Any, limit_bytes: int) -> int:
    """Judge a table before it is read; return how many bytes the longest text may have.

    Raises:
        InvalidInput: it has too many columns, or takes too much.
        ValueError: its pages cannot be read.
    """
    if metadata.num_columns > MAX_COLUMNS:
        raise InvalidInput(f"the table has {metadata.num_columns} columns, and {MAX_COLUMNS} are allowed")
    size_bytes, values, longest = 0, metadata.num_rows * metadata.num_columns, 1
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for chunk in (group.column(index) for index in range(group.num_columns)):
            offsets = filter(None, (chunk.data_page_offset, chunk.dictionary_page_offset))  # none without rows
            pages = unpacked(body, min(offsets, default=0), chunk.total_compressed_size)
            size_bytes += pages.size_bytes
            values = max(values, pages.values)  # a list has more values than its row
            if chunk.physical_type.endswith("BYTE_ARRAY"):
                longest = max(longest, pages.largest_bytes)  # no text goes on in another page
            if max(values * _CELL_BYTES, size_bytes) > limit_bytes:
                raise _too_large(limit_bytes)
    return longest


def _within_bound(file: Any, limit_bytes: int, text_bytes: int) -> Iterator[Any]:
    """Read so few rows at a time that those cannot be too much either."""
    size = 0
    rows = max(1, min(_BATCH_ROWS, limit_bytes // _PIECES // text_bytes))
    for batch in file.iter_batches(rows, use_threads=False):
        size += batch.nbytes
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        yield batch


def _too_large(limit_bytes: int) -> InvalidInput:
    return InvalidInput(f"the table takes more than {limit_bytes >> 20} MB in memory: send fewer rows at a time")


def _column(table: Any, name: str, spec: TensorSpec) -> Array:
    """Turn a column into values of the input's type; a missing number is NaN where there is such a thing."""
    where = f"column '{name}'"
    values: Array = table.column(name).to_numpy()
    kind = DTYPES[spec.datatype].kind
    if values.dtype.kind == "O":
        if kind == "O" and all(isinstance(value, str) for value in values):
            return values
    elif kind == "f" and values.dtype.kind in "iuf":
        return narrowed(values.astype(np.float64), spec.datatype, where)
    elif kind in "iu" and values.dtype.kind in "iu":
        limits = np.iinfo(spec.dtype)
        if len(values) and not (limits.min <= int(values.min()) and int(values.max()) <= limits.max):
            raise InvalidInput(f"{where}: a number is out of range for {spec.datatype}")
        return values.astype(spec.dtype)
    elif kind == values.dtype.kind == "b":
        return values
    raise InvalidInput(f"{where}: {table.schema.field(name).type} is no {spec.datatype}, or a value is missing")

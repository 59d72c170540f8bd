"""Parquet, where the image has pyarrow: read within a bound, whatever a small file stands for.

A kilobyte of Parquet may be a billion equal rows, or one text repeated a million times. So what the file says of itself
is judged before it is read, and it is read a piece at a time.
"""

from __future__ import annotations

from typing import Any, Iterator, List

import numpy as np

from ..errors import InvalidInput, UnsupportedMediaType
from ..tensors import DTYPES, Array, Signature, Tensors, TensorSpec
from .json_arrays import narrowed
from .placement import MAX_COLUMNS, are_inputs, as_input, only_input

MAX_TABLE_BYTES = 512 << 20
_CELL_BYTES = 8  # of a number in memory
_BATCH_ROWS = 1 << 16
_PIECES = 16  # of the bound, to be read at a time: arrow takes three times a piece while it reads it


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
        _check_size(file.metadata, limit_bytes)
        return pa.Table.from_batches(list(_within_bound(file, limit_bytes)), file.schema_arrow)
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


def _check_size(metadata: Any, limit_bytes: int) -> None:
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = metadata.num_rows * metadata.num_columns
    if metadata.num_columns > MAX_COLUMNS:
        raise InvalidInput(f"the table has {metadata.num_columns} columns, and {MAX_COLUMNS} are allowed")
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    values = max(values, sum(chunk.num_values for chunk in chunks))  # of lists there are more than rows
    if max(values * _CELL_BYTES, sum(group.total_byte_size for group in groups)) > limit_bytes:
        raise _too_large(limit_bytes)


def _within_bound(file: Any, limit_bytes: int) -> Iterator[Any]:
    """Read so few rows at a time that those cannot be too much either; no text is longer than its column's data."""
    metadata = file.metadata
    widest = 1
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        texts = (group.column(c) for c in range(group.num_columns))
        widest = max([widest, *(c.total_uncompressed_size for c in texts if c.physical_type.endswith("BYTE_ARRAY"))])
    size = 0
    rows = max(1, min(_BATCH_ROWS, limit_bytes // _PIECES // widest))
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

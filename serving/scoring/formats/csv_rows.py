"""CSV with a header line, as ``pandas.DataFrame.to_csv(index=False)`` writes it, without pandas.

Cells are converted row by row: a body of 64 MB may hold thirty million cells, each of which would cost a string.
"""

from __future__ import annotations

import csv
import io
from array import array
from typing import Any, Callable, Iterator, List, Sequence

import numpy as np

from ..errors import InvalidInput
from ..tensors import DTYPES, Array, Signature, Tensors
from .json_arrays import narrowed
from .placement import MAX_COLUMNS, are_inputs, as_input, only_input

# Of what pandas reads as NaN; float() knows nan itself.
_MISSING = frozenset(("", "NA", "N/A", "<NA>", "null", "NULL", "None"))
_TRUTH = {text: truth for truth, name in enumerate(("false", "true")) for text in (name, name.title(), name.upper())}
_TYPECODES = {f"{sign}INT{bits}": code for bits, code in zip((8, 16, 32, 64), "bhiq") for sign in ("", "U")}


def tensors_of_csv(body: bytes, signature: Signature) -> Tensors:
    """Read columns by name when the header has the model's inputs; else in their order as rows of the only input.

    Raises:
        InvalidInput: the body is no CSV, or does not fit; the message names row and column.
    """
    rows = rows_of_csv(body)
    header = next(rows, None)
    if header is None:
        raise InvalidInput("the CSV is empty: its first line names the columns")
    if are_inputs(header, signature):
        columns = [_Cells(signature.input(name).datatype, [name]) for name in header]
        for number, row in enumerate(rows):
            for cells, cell in zip(columns, _whole(row, header, number)):
                cells.add([cell], number)
        return {name: as_input(cells.array(), signature.input(name)) for name, cells in zip(header, columns)}
    only = only_input(signature)
    table = _Cells(only.datatype, header)
    for number, row in enumerate(rows):
        table.add(_whole(row, header, number), number)
    return {only.name: table.array().reshape(-1, len(header))}


def rows_of_csv(body: bytes) -> Iterator[List[str]]:
    """Part a CSV into rows of cells, without blank lines.

    Raises:
        InvalidInput: it is not UTF-8, or quoted wrongly, or a row has more cells than any table here.
    """
    commas = 0

    def lines() -> Iterator[str]:
        nonlocal commas
        for line in io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline=""):
            commas += line.count(",")  # of a row, which goes on over lines within quotes
            if commas > MAX_COLUMNS:
                raise InvalidInput(f"a row of the CSV has more than {MAX_COLUMNS} cells")
            yield line

    try:
        for row in csv.reader(lines(), strict=True):
            commas = 0
            if row:
                yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not CSV: {error}") from error


def check_width(body: bytes) -> None:
    """Raise InvalidInput for a CSV with a row so wide that reading it would take gigabytes."""
    if body.count(b",") > MAX_COLUMNS:
        for _ in rows_of_csv(body):
            pass


class _Cells:
    """Cells of one datatype in a row-major block, as compact as they come."""

    def __init__(self, datatype: str, columns: Sequence[str]) -> None:
        self._datatype = datatype
        self._columns = columns
        self._convert = _converter(datatype)
        self._values: Any = [] if datatype == "BYTES" else array(_typecode(datatype))

    def add(self, row: Sequence[str], number: int) -> None:
        try:
            self._values.extend([self._convert(cell) for cell in row])
        except (ValueError, OverflowError, KeyError) as error:
            raise InvalidInput(self._fault(row, number)) from error

    def array(self) -> Array:
        if self._datatype == "BYTES":
            texts = np.empty(len(self._values), dtype=object)
            texts[:] = self._values
            return texts
        values: Array = np.array(self._values)
        if self._datatype.startswith("FP"):
            return narrowed(values, self._datatype, f"columns {', '.join(self._columns)}")
        return values.astype(DTYPES[self._datatype])

    def _fault(self, row: Sequence[str], number: int) -> str:
        """Find the cell that cannot be converted."""
        for column, cell in zip(self._columns, row):
            try:
                array(_typecode(self._datatype), [self._convert(cell)])
            except (ValueError, OverflowError, KeyError):
                return f"row {number}, column '{column}': {cell!r} is no {self._datatype}"
        return f"row {number} does not hold {self._datatype}"


def _whole(row: List[str], header: List[str], number: int) -> List[str]:
    if len(row) != len(header):
        raise InvalidInput(f"row {number} has {len(row)} values for {len(header)} columns")
    return row


def _typecode(datatype: str) -> str:
    code = _TYPECODES.get(datatype)
    if code is not None:
        return code.upper() if datatype.startswith("U") else code
    return "B" if datatype == "BOOL" else "d"


def _converter(datatype: str) -> Callable[[str], Any]:
    if datatype == "BYTES":
        return str
    if datatype == "BOOL":
        return _TRUTH.__getitem__
    return _float if datatype.startswith("FP") else _int


def _float(cell: str) -> float:
    if cell in _MISSING:
        return float("nan")
    return float(_plain(cell))


def _int(cell: str) -> int:
    return int(_plain(cell))


def _plain(cell: str) -> str:
    """Refuse what Python reads as numbers and nobody writes: ``1_000``, and digits of other scripts."""
    if "_" in cell or not cell.isascii():
        raise ValueError
    return cell

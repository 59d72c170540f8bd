"""What the pages of a Parquet column hold once they are unpacked, by their own headers.

The footer says it too, but arrow reads each page by its header, and who lies in the one need not in the other. Headers
are structures of Thrift's compact protocol.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

MAX_PAGES = 1 << 17
_MAX_DEPTH = 8  # of structures; page headers have three
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
# Fields of PageHeader, and the one of each kind of page that counts its values.
_UNPACKED_SIZE, _PACKED_SIZE, _KINDS, _NUM_VALUES = 2, 3, (5, 7, 8), 1


class Unpacked(NamedTuple):
    """Of all pages of a column: bytes before decoding, values, and the bytes of the largest page."""

    size_bytes: int
    values: int
    largest_bytes: int


def unpacked(body: bytes, start: int, length: int) -> Unpacked:
    """Walk over the pages of a column that lie in these bytes of a file.

    Raises:
        ValueError: they are no pages, or too many.
    """
    at, end = start, min(start + length, len(body))
    size_bytes = values = largest_bytes = pages = 0
    try:
        while at < end:
            pages += 1
            header = _Reader(body, at)
            fields = header.struct()
            at = header.at + _size(fields, _PACKED_SIZE)
            size_bytes += _size(fields, _UNPACKED_SIZE)
            largest_bytes = max(largest_bytes, fields[_UNPACKED_SIZE])
            values += sum(_size(fields[kind], _NUM_VALUES) for kind in _KINDS if kind in fields)
            if pages > MAX_PAGES:
                raise ValueError(f"a column has more than {MAX_PAGES} pages")
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("a page has no header that can be read") from error
    return Unpacked(size_bytes, values, largest_bytes)


def _size(fields: Dict[int, Any], number: int) -> int:
    size: int = fields[number]
    if size < 0:
        raise ValueError("a page has a negative size")
    return size


class _Reader:
    """Reads a structure into integers and structures by the numbers of their fields; the rest is passed over."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def struct(self, depth: int = 0) -> Dict[int, Any]:
        if depth > _MAX_DEPTH:
            raise ValueError("a page's header is nested too deeply")
        fields: Dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            kind = head & 0x0F
            if kind == 0:
                return fields
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = None if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BINARY:
            length = self._varint()
            self.at += length
        elif kind in (_TRUE, _FALSE, _BYTE):  # a truth within a list is a byte
            self.at += 1
        elif kind == _DOUBLE:
            self.at += 8
        elif kind in (_LIST, _SET):
            self._pass_list(depth)
        else:
            raise ValueError("a page's header has a type that none has")
        return None

    def _pass_list(self, depth: int) -> None:
        head = self._byte()
        for _ in range(head >> 4 if head >> 4 < 15 else self._varint()):
            self._value(head & 0x0F, depth + 1)
            if self.at > len(self._data):
                raise IndexError

    def _integer(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise ValueError("a page's header has a number of over 64 bits")

    def _byte(self) -> int:
        byte = self._data[self.at]
        self.at += 1
        return byte

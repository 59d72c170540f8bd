"""Sizes as documents write them: a number of bytes, or a number with a unit, ``512Mi`` or ``1.5G``."""

import re

from registry.core.errors import InvalidInput

Size = int | str

_SIZE = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,3})?)(?P<unit>Ki|Mi|Gi|k|M|G)\Z")
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 10**3, "M": 10**6, "G": 10**9}
MAX_BYTES = 1 << 50


def size_bytes(size: Size, path: str, least: str) -> int:
    """Return the bytes that ``size`` stands for.

    Raises:
        InvalidInput: it stands for none, or for fewer than ``least``.
    """
    number = size if isinstance(size, int) else _bytes(size)
    if not _bytes(least) <= number <= MAX_BYTES:
        raise InvalidInput(f"{path}: {size!r} is no size from {least} on: write 512Mi or 1.5Gi", path=path)
    return number


def _bytes(text: str) -> int:
    found = _SIZE.match(text)
    return int(float(found["number"]) * _UNITS[found["unit"]]) if found else -1

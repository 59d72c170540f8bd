"""JSON with the bare tokens NaN, Infinity and -Infinity: Python's json, so Azure ML's and MLflow's servers, reads it.

msgspec refuses them, so what it refused is read here once more. Beside those tokens nothing is read that it refuses.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

# What decoding raises on a text that is no such document. Before 0.21, and that is all there is for Python 3.9, the
# errors of msgspec are no ValueErrors.
MALFORMED = (ValueError, RecursionError, msgspec.MsgspecError)

_TOKENS = (b"NaN", b"Infinity")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def may_hold(text: bytes) -> bool:
    """Say whether the tokens occur in ``text``, if only within a string."""
    return any(token in text for token in _TOKENS)


def read(text: bytes) -> Any:
    """Parse a document.

    Raises:
        ValueError: it is not JSON, or not UTF-8, or nested too deeply, or a string in it is no Unicode text.
    """
    try:
        document = json.loads(text.decode())
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return document


def raw(value: Any) -> msgspec.Raw:
    """Write a part of such a document as the text it came from.

    Raises:
        ValueError: nested too deeply.
    """
    try:
        return msgspec.Raw(json.dumps(value).encode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error

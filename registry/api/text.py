"""The one character that no text may hold: PostgreSQL keeps no NUL, so SQLite must not either."""

from typing import Any

import msgspec
from starlette.types import Scope

from registry.core.errors import InvalidInput

_MARK = b"\\u0000"  # how JSON writes a NUL; also a part of how it writes this very text
_MESSAGE = "a text holds a NUL character, which nothing here can keep"


def check_address(scope: Scope) -> None:
    """Raise InvalidInput if the path or the query of a request holds a NUL."""
    if b"%00" in scope["query_string"] or "\0" in scope["path"]:
        raise InvalidInput(_MESSAGE)


def check_body(body: bytes | bytearray) -> None:
    """Raise InvalidInput if a text in a JSON body holds a NUL; what is no JSON is left to who decodes it."""
    if _MARK not in body:
        return
    try:
        waiting = [msgspec.json.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    while waiting:
        value: Any = waiting.pop()
        match value:
            case str() if "\0" in value:
                raise InvalidInput(_MESSAGE)
            case dict():
                waiting += [*value, *value.values()]
            case list():
                waiting += value

"""What run() returned, as what a door sends: JSON as Azure ML's server writes it, or the script's own response."""

from __future__ import annotations

import json
import sys
from typing import Any, Iterator

from ..base import OWN_HEADERS, Scripted
from .plain_response import PlainResponse

# Of the server, not of the script: how the answer is framed, and the request's ids.
_SERVERS = {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"content-type"}
_IDS = {b"x-request-id", b"x-ms-request-id", b"x-ms-client-request-id"}
_WITHOUT_BODY = (204, 304)


def is_response(result: Any) -> bool:
    """Say whether run() made its response itself: an AMLResponse, or any of Flask's or werkzeug's."""
    werkzeug = sys.modules.get("werkzeug.wrappers")
    return isinstance(result, PlainResponse) or (werkzeug is not None and isinstance(result, werkzeug.Response))


def answer_of(result: Any) -> Scripted:
    """Encode a result; the code of its objects may be the script's, and raise anything. A streamed body is left out.

    Raises:
        ValueError: a response of the script's is none that HTTP can carry.
    """
    if not is_response(result):
        return Scripted(json.dumps({} if result is None else result).encode())  # None is {} there, too
    if not 200 <= result.status_code <= 599:
        raise ValueError(f"{result.status_code} is no status of an answer")
    if getattr(result, "direct_passthrough", False):
        result.direct_passthrough = False  # of Flask's send_file(): its body can then be read
    without_body = result.status_code in _WITHOUT_BODY or is_streamed(result)
    content_type = _encoded(result.headers.get("Content-Type") or "application/octet-stream")
    answer = Scripted(b"" if without_body else result.get_data(), content_type)
    answer.own = True
    answer.status = result.status_code
    for name, value in result.headers.items():
        key = _encoded(name).lower()
        if key not in _SERVERS and key not in _IDS and not key.startswith(OWN_HEADERS):
            answer.headers.append((key, _encoded(value)))
    return answer


def is_streamed(result: Any) -> bool:
    """Say whether a response of the script's gives its body piece by piece."""
    return is_response(result) and result.status_code not in _WITHOUT_BODY and bool(result.is_streamed)


def pieces_of(response: Any) -> Iterator[bytes]:
    """Yield the body of a response; at the end, or when this is closed, the response is closed."""
    try:
        yield from response.iter_encoded()
    finally:
        response.close()


def whole_answer_of(result: Any) -> Scripted:
    """Encode a result as ``answer_of`` does, with the body of a response that streams it."""
    answer = answer_of(result)
    if is_streamed(result):
        answer.body = b"".join(pieces_of(result))
    return answer


def whole_value_of(result: Any) -> Any:
    """Return what stands in a response of the script's, for a protocol that has none; any other result as it is.

    Raises:
        InvalidInput, ScriptFailed, ScriptResultInvalid: as ``Scripted.as_json``.
    """
    return json.loads(whole_answer_of(result).as_json()) if is_response(result) else result


def encoded_piece(piece: Any) -> bytes:
    """Encode what run() yields: text and bytes are pieces as they are, anything else is a line of JSON."""
    if isinstance(piece, (bytes, bytearray)):
        return bytes(piece)
    return piece.encode() if isinstance(piece, str) else json.dumps(piece).encode() + b"\n"


def _encoded(text: Any) -> bytes:
    encoded = str(text).encode("latin-1")
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in encoded):
        raise ValueError(f"a header holds a control character: {text!r}")
    return encoded

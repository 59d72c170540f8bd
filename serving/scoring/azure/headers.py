"""The headers that Azure ML's server adds to each answer of its routes: ids, the trace of Office's services, CORS."""

from __future__ import annotations

import re
from typing import List, Sequence, Tuple

from ..errors import HeadersTooLarge
from ..http.messages import Answer, Headers, Request
from ..request_ids import MAX_ID

PATHS = frozenset((b"/", b"/score", b"/swagger.json"))
LEGACY_ID, CLIENT_ID = b"x-ms-request-id", b"x-ms-client-request-id"
_ALLOW_ORIGIN, _METHODS = b"access-control-allow-origin", b"GET, POST"
_PATTERN = set("*\\]?$^[]()")  # with one of these an origin is a pattern, as flask-cors has it


class AzureHeaders:
    """``origins`` are those of AML_CORS_ORIGINS: literally, ``*``, or as regular expressions; none means no CORS."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._any = "*" in origins
        self._literal = {origin.lower() for origin in origins}
        patterns = [origin for origin in origins if origin != "*" and _PATTERN & set(origin)]
        self._patterns: List["re.Pattern[str]"] = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
        self._cors = bool(origins)

    def add(self, request: Request, response: Answer) -> None:
        """Add to the answer of one of ``PATHS``, which has the request's id already. Echoes are cut as ids are."""
        given, headers = request.headers, response.headers
        legacy, client = given.get(LEGACY_ID), given.get(CLIENT_ID)
        headers.append((LEGACY_ID, (legacy or client or request.request_id)[:MAX_ID]))
        if legacy and not client:
            headers.append((CLIENT_ID, legacy[:MAX_ID]))
        if b"traceid" in given:
            headers.append((b"TraceId", given[b"traceid"][:MAX_ID]))
        if self._cors and all(name != _ALLOW_ORIGIN for name, _ in headers):
            headers.extend(self._cors_headers(request))

    def _cors_headers(self, request: Request) -> List[Tuple[bytes, bytes]]:
        origin = request.headers.get(b"origin")
        if origin is None:
            return [(_ALLOW_ORIGIN, b"*")] if self._any else []
        if not self._allows(origin.decode("latin-1")):
            return []
        headers = [(_ALLOW_ORIGIN, origin), (b"vary", b"Origin")]
        asked = request.headers.get(b"access-control-request-method", b"").upper()
        if request.method == b"OPTIONS" and asked in (b"GET", b"POST"):
            headers.append((b"access-control-allow-methods", _METHODS))
            wanted = request.headers.get(b"access-control-request-headers")
            if wanted:
                headers.append((b"access-control-allow-headers", wanted))
        return headers

    def _allows(self, origin: str) -> bool:
        if self._any or origin.lower() in self._literal:
            return True
        return any(pattern.fullmatch(origin) for pattern in self._patterns)


def check_ids(headers: Headers) -> None:
    """Raise HeadersTooLarge for ids of a client's that are too long."""
    for name in (LEGACY_ID, CLIENT_ID):
        if len(headers.get(name, b"")) > MAX_ID:
            raise HeadersTooLarge(f"x-ms-request-id and x-ms-client-request-id must not exceed {MAX_ID} characters")

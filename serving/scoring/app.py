"""One request to its door: the edge's secret, the request id, the path, and what is wrong when nothing fits."""

from __future__ import annotations

import hmac
import logging
import uuid
from typing import Optional
from urllib.parse import unquote_to_bytes

from .doors import Door, Doors, error_response
from .errors import (
    Forbidden,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    ScoringError,
    UnsupportedEncoding,
)
from .http.messages import Answer, Request, Response

MAX_REQUEST_ID = 100  # Azure ML's limit
EDGE_HEADER = b"x-slipway-edge"

_log = logging.getLogger("slipway.scoring")


class App:
    """Answer any request. ``secret`` is None when the process is run without an edge."""

    def __init__(self, doors: Doors, secret: Optional[bytes]) -> None:
        self._doors = doors
        self._secret = secret
        self._models = {path.split(b"/")[3].lower() for path in doors if path.startswith(b"/v2/models/")}

    async def __call__(self, request: Request) -> Answer:
        request_id = request.headers.get(b"x-request-id") or str(uuid.uuid4()).encode()
        request.request_id = request_id
        try:
            if self._secret is not None:
                given = request.headers.get(EDGE_HEADER, b"")
                if not hmac.compare_digest(given, self._secret):
                    raise Forbidden("this scoring process answers its edge only")
            if len(request_id) > MAX_REQUEST_ID:
                request_id = request_id[:MAX_REQUEST_ID]
                raise HeadersTooLarge(f"x-request-id is over {MAX_REQUEST_ID} characters")
            encoding = request.headers.get(b"content-encoding")
            if encoding and encoding.strip().lower() not in (b"", b"identity"):
                raise UnsupportedEncoding(f"Content-Encoding {encoding.decode('latin-1')} is not supported: send plain")
            response: Answer = await self._find(request)(request)
        except ScoringError as error:
            response = error_response(request.path, error)
        except Exception:
            _log.exception("unexpected error in request %s", request_id.decode("latin-1"))
            response = error_response(request.path, ScoringError("internal error; see the log of this request id"))
        response.headers.append((b"x-request-id", request_id))
        client_id = request.headers.get(b"x-ms-client-request-id")
        if client_id is not None:
            response.headers.append((b"x-ms-client-request-id", client_id))
        return response

    def _find(self, request: Request) -> Door:
        doors = self._doors.get(request.path)
        if doors is None:
            doors = self._doors.get(self._canonical(request.path))
            if doors is None:
                raise self._unknown(request.path)
        door = doors.get(request.method) or (doors.get(b"GET") if request.method == b"HEAD" else None)
        if door is None:
            method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
            allowed = b", ".join(doors).decode()
            raise MethodNotAllowed(f"{method} is not allowed on {path}: use {allowed}", allowed)
        return door

    def _canonical(self, path: bytes) -> bytes:
        """Undo percent encoding; model names are compared without regard to case, as endpoint names are."""
        parts = unquote_to_bytes(path).split(b"/")
        if len(parts) > 3:
            name, colon, verb = parts[3].partition(b":")  # KServe's first protocol has ``NAME:predict``
            if name.lower() in self._models:
                known = next(p for p in self._doors if p.startswith(b"/v2/models/"))
                parts[3] = known.split(b"/")[3] + colon + verb
        return b"/".join(parts)

    def _unknown(self, path: bytes) -> NotFound:
        parts = unquote_to_bytes(path).decode("utf-8", "replace").split("/")
        if path.startswith(b"/v1/models/"):
            name = parts[3].split(":")[0]
            if name.lower().encode() not in self._models:
                return NotFound(f"Model with name {name} does not exist.")
        if path.startswith(b"/v2/models/"):
            if parts[3].lower().encode() not in self._models:
                return NotFound(f"Request for unknown model: '{parts[3]}' is not found")
            if len(parts) > 5 and parts[4] == "versions":
                return NotFound(f"Request for unknown model: '{parts[3]}' version {parts[5]} is not found")
        return NotFound(f"there is nothing at {'/'.join(parts)}")


def refuse(path: bytes, error: ScoringError) -> Response:
    """Answer a request that could not be read whole; the connection closes after it."""
    response = error_response(path, error)
    response.headers.append((b"x-request-id", str(uuid.uuid4()).encode()))
    return response

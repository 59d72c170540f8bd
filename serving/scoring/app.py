"""The door table: which path is answered by which door, and what is wrong when none is. Knows no protocol's bodies."""

from __future__ import annotations

import hmac
import logging
import uuid
from typing import Any, Callable, Coroutine, Dict, Optional
from urllib.parse import unquote_to_bytes

from . import azure, oip
from .azure import Score
from .dataplane import DataPlane
from .errors import (
    Forbidden,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    ScoringError,
    UnsupportedEncoding,
)
from .health import Health
from .http_messages import Request, Response
from .invocations import Invocations
from .oip import OpenInference
from .runtimes.base import BodyLike

Door = Callable[[Request], Coroutine[Any, Any, Response]]
Doors = Dict[bytes, Dict[bytes, Door]]

MAX_REQUEST_ID = 100  # Azure ML's limit
EDGE_HEADER = b"x-slipway-edge"

_log = logging.getLogger("slipway.scoring")


def door_table(plane: DataPlane, health: Health, name: str, version: str) -> Doors:
    """Every path of every door. HEAD is answered as GET; ``name`` and ``version`` are the model's to its clients."""
    score, invocations, v2 = Score(plane), Invocations(plane), OpenInference(plane, name, version)
    model: Doors = {
        b"": {b"GET": v2.model_metadata},
        b"/ready": {b"GET": v2.model_ready},
        b"/infer": {b"POST": v2.infer},
    }
    score_post = invocations.post if isinstance(plane.runtime, BodyLike) else score.post
    return {
        b"/score": {b"POST": score_post, b"GET": score.get, b"OPTIONS": score.options},
        b"/invocations": {b"POST": invocations.post},
        b"/v2": {b"GET": v2.server_metadata},
        b"/v2/": {b"GET": v2.server_metadata},
        b"/v2/health/live": {b"GET": v2.live},
        b"/v2/health/ready": {b"GET": v2.ready},
        **{b"/v2/models/%b%b" % (name.encode(), rest): doors for rest, doors in model.items()},
        **{b"/v2/models/%b/versions/%b%b" % (name.encode(), version.encode(), r): d for r, d in model.items()},
        b"/": {b"GET": health.root},
        b"/ping": {b"GET": health.ping},
        b"/-/status": {b"GET": health.status},
        b"/-/ready": {b"GET": health.ready},
    }


class App:
    """Answer any request. ``secret`` is None when the process is run without an edge."""

    def __init__(self, doors: Doors, secret: Optional[bytes]) -> None:
        self._doors = doors
        self._secret = secret
        self._models = {path.split(b"/")[3].lower() for path in doors if path.startswith(b"/v2/models/")}

    async def __call__(self, request: Request) -> Response:
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
            response = await self._find(request)(request)
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
        if len(parts) > 3 and parts[3].lower() in self._models:
            known = next(p for p in self._doors if p.startswith(b"/v2/models/"))
            parts[3] = known.split(b"/")[3]
        return b"/".join(parts)

    def _unknown(self, path: bytes) -> NotFound:
        parts = unquote_to_bytes(path).decode("utf-8", "replace").split("/")
        if path.startswith(b"/v2/models/"):
            if parts[3].lower().encode() not in self._models:
                return NotFound(f"Request for unknown model: '{parts[3]}' is not found")
            if len(parts) > 5 and parts[4] == "versions":
                return NotFound(f"Request for unknown model: '{parts[3]}' version {parts[5]} is not found")
        return NotFound(f"there is nothing at {'/'.join(parts)}")


def error_response(path: bytes, error: ScoringError) -> Response:
    """Word an error in the shape of the door at ``path``; each protocol keeps its own statuses."""
    response = oip.error_response(error) if path.startswith(b"/v2") else azure.error_response(error)
    if isinstance(error, Overloaded):
        response.headers.append((b"retry-after", b"%d" % error.retry_after_s))
    elif isinstance(error, MethodNotAllowed):
        response.headers.append((b"allow", error.allowed.encode()))
    return response


def refuse(path: bytes, error: ScoringError) -> Response:
    """Answer a request that could not be read whole; the connection closes after it."""
    response = error_response(path, error)
    response.headers.append((b"x-request-id", str(uuid.uuid4()).encode()))
    return response

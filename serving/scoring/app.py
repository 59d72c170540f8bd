"""One request to its door and back: the edge's secret, the request id, and errors in the door's own words."""

from __future__ import annotations

import hmac
import logging
import uuid
from typing import Optional

from .doors import Doors, error_response
from .errors import Forbidden, HeadersTooLarge, ScoringError, UnsupportedEncoding
from .http.messages import Answer, Request, Response
from .routes import Routes

MAX_REQUEST_ID = 100  # Azure ML's limit
EDGE_HEADER = b"x-slipway-edge"

_log = logging.getLogger("slipway.scoring")


class App:
    """Answer any request. ``secret`` is None when the process is run without an edge."""

    def __init__(self, doors: Doors, secret: Optional[bytes]) -> None:
        self._routes = Routes(doors)
        self._secret = secret

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
            response: Answer = await self._routes.door(request)(request)
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


def refuse(path: bytes, error: ScoringError) -> Response:
    """Answer a request that could not be read whole; the connection closes after it."""
    response = error_response(path, error)
    response.headers.append((b"x-request-id", str(uuid.uuid4()).encode()))
    return response

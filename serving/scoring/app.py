"""One request to its door and back: the edge's secret, the request id, and errors in the door's own words."""

from __future__ import annotations

import hmac
import logging
import uuid
from typing import Optional, Sequence

from .azure.headers import CLIENT_ID, LEGACY_ID, PATHS, AzureHeaders, check_ids
from .doors import Doors, error_response
from .errors import Forbidden, HeadersTooLarge, ModelFailed, ScoringError, ScriptFailed
from .http.bodies import Bodies
from .http.encodings import WISHES, compress, decode
from .http.messages import Answer, Headers, Request, Response, StreamedResponse
from .mirror import HEADER, PREDICTIONS, Mirror
from .request_ids import MAX_ID
from .routes import Routes
from .runtimes.base import KEY_HEADER

EDGE_HEADER, CACHE_HEADER, MIRROR_HEADER = b"x-slipway-edge", b"x-slipway-cache", HEADER.encode()

_log = logging.getLogger("slipway.scoring")


class App:
    """Answer any request. ``secret`` is None when the process is run without an edge.

    ``bodies`` bounds what compressed bodies may become; ``mirror`` takes what an edge wants copied.
    """

    def __init__(
        self,
        doors: Doors,
        secret: Optional[bytes],
        bodies: Bodies,
        cors_origins: Sequence[str] = (),
        mirror: Optional[Mirror] = None,
    ) -> None:
        self._azure = AzureHeaders(cors_origins)
        self._routes = Routes(doors)
        self._bodies = bodies
        self._secret = secret
        self._mirror = mirror if secret else None  # else it would be the client's word

    async def __call__(self, request: Request) -> Answer:
        headers = request.headers
        given_id = headers.get(b"x-request-id") or str(uuid.uuid4()).encode()
        is_long = len(given_id) > MAX_ID
        request.request_id = request_id = given_id[:MAX_ID] if is_long else given_id
        client_id = headers.get(CLIENT_ID)
        try:
            if self._secret is None:
                headers.pop(KEY_HEADER, None)
            elif not hmac.compare_digest(headers.get(EDGE_HEADER, b""), self._secret):
                raise Forbidden("this scoring process answers its edge only")
            if is_long or client_id is not None or LEGACY_ID in headers:
                _check_ids(is_long, headers)
            door = self._routes.door(request)
            if request.body and b"content-encoding" in request.headers:
                await decode(request, self._bodies)
            response: Answer = await door(request)
            if MIRROR_HEADER in headers:
                self._copy(request, response)
            if request.call is not None and request.call.cache:
                response.headers.append((CACHE_HEADER, request.call.cache))
            accept = request.headers.get(b"accept-encoding")
            if accept is not None and isinstance(response, Response):
                wish = WISHES[accept]
                if len(response.body) >= wish.text_from and response.status == 200:
                    await compress(response, wish)
        except ScoringError as error:
            response = error_response(request.path, error)
            self._copy_failure(request, response, error)
        except Exception:
            _log.exception("unexpected error in request %s", request_id.decode("latin-1"))
            response = error_response(request.path, ScoringError("internal error; see the log of this request id"))
        response.headers.append((b"x-request-id", request_id))
        if client_id is not None:
            response.headers.append((CLIENT_ID, client_id[:MAX_ID]))
        if request.path in PATHS:
            self._azure.add(request, response)
        return response

    def _copy_failure(self, request: Request, response: Response, error: ScoringError) -> None:
        """Let the mirror have what the model failed at; another may not."""
        if MIRROR_HEADER in request.headers and isinstance(error, (ModelFailed, ScriptFailed)):
            self._copy(request, response)

    def _copy(self, request: Request, response: Answer) -> None:
        """Let the mirror have a prediction, as it is before it is compressed; none whose answer comes in pieces."""
        if self._mirror is None or isinstance(response, StreamedResponse) or not request.path.endswith(PREDICTIONS):
            return
        target = request.path + b"?" + request.query if request.query else request.path
        headers = {name: value for name, value in request.headers.items() if not name.startswith(b"x-slipway-")}
        answer_headers = {**dict(response.headers), b"content-type": response.content_type}
        name = request.request_id.decode("latin-1")
        wanted = request.headers[MIRROR_HEADER].decode("latin-1")
        self._mirror.after(wanted, name, target, headers, request.body, response.status, answer_headers, response.body)


def _check_ids(is_long: bool, headers: Headers) -> None:
    if is_long:
        raise HeadersTooLarge(f"x-request-id must not exceed {MAX_ID} characters")
    check_ids(headers)


def refuse(path: bytes, error: ScoringError) -> Response:
    """Answer a request that could not be read whole; the connection closes after it."""
    response = error_response(path, error)
    response.headers.append((b"x-request-id", str(uuid.uuid4()).encode()))
    return response

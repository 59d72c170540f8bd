"""Every error becomes its status and its protocol's body, with the request's id; never a traceback."""

import logging
import re
import secrets
from collections.abc import Callable
from itertools import count

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.api.mlflow.errors import mlflow_body
from registry.api.oci.errors import oci_body
from registry.core.errors import HTTP_STATUS, InvalidInput, NotFound, SlipwayError, Unauthenticated
from registry.core.rest import ErrorBody, ErrorDetail

logger = logging.getLogger("slipway.registry")

# An id is this process' random part and a number: asking the kernel for 16 random bytes each time took 80 µs.
_PROCESS = secrets.token_hex(12)
_COUNTER = count(1)

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")

Body = Callable[[SlipwayError, int, str], tuple[int, bytes]]  # error, its usual status, request id → status, JSON


def workspace_body(error: SlipwayError, status: int, request_id: str) -> tuple[int, bytes]:
    """Write an error as the workspace API does."""
    detail = ErrorDetail(code=error.code, message=error.message, details=error.details, request_id=request_id)
    return status, msgspec.json.encode(ErrorBody(error=detail))


# Longest first; what matches none is the workspace API.
BODIES: list[tuple[str, Body]] = [
    ("/model-versions/get-artifact", mlflow_body),
    ("/get-artifact", mlflow_body),
    ("/ajax-api/", mlflow_body),
    ("/api/2.0/", mlflow_body),
    ("/api/3.0/", mlflow_body),
    ("/v2/", oci_body),
]


class ErrorMiddleware:
    """Give each request an id, and each exception that leaves a handler an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"  # a browser takes nothing for a page that is none
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            logger.info("request %s: the client went away before it had sent it all", request_id)
        except Exception as error:
            if not isinstance(error, SlipwayError):
                logger.exception("request %s failed: %s %r", request_id, scope["method"], scope["path"])
            if started:
                raise
            response = _respond(scope["path"], error, request_id)
            await response(scope, receive, send_with_id)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Write what Starlette itself refuses (no such route, wrong method, body too large) in the protocol's words."""
    assert isinstance(error, HTTPException)
    method, path = request.method, request.url.path
    known: dict[int, SlipwayError] = {
        404: NotFound(f"there is nothing at {path}", path=path),
        405: InvalidInput(f"{path} does not take {method}", path=path),
        413: InvalidInput("the request's body is too large"),
    }
    ours = known.get(error.status_code, InvalidInput(error.detail))
    body = _body_of(path)
    status, content = body(ours, error.status_code, request.state.request_id)
    return Response(content, status, headers=error.headers, media_type="application/json")


def _respond(path: str, error: Exception, request_id: str) -> Response:
    ours = error if isinstance(error, SlipwayError) else SlipwayError("something went wrong inside the registry")
    body = _body_of(path)
    status, content = body(ours, HTTP_STATUS[ours.code], request_id)
    headers = {"www-authenticate": _challenge(path)} if isinstance(ours, Unauthenticated) else None
    return Response(content, status, headers=headers, media_type="application/json")


def _challenge(path: str) -> str:
    """Say how to authenticate. Clients of OCI ask for Basic; it would make a browser ask its user for a password."""
    return 'Basic realm="slipway"' if path.startswith("/v2/") else 'Bearer realm="slipway"'


def _body_of(path: str) -> Body:
    return next((body for prefix, body in BODIES if path.startswith(prefix)), workspace_body)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.match(given) else f"{_PROCESS}{next(_COUNTER):08x}"

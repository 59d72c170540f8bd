"""What a script may find around it: Flask's request and context, as in Azure ML's server, where the image has Flask.

Flask is the image's own, and nothing here imports it for a script that did not; without it there is a request of ours.
"""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from typing import Any, ContextManager, Dict, Mapping, Optional, Protocol
from urllib.parse import unquote_to_bytes

from ...errors import InvalidInput, ScoringError, UnsupportedMediaType
from ..base import OWN_HEADERS, HttpRequest
from .plain_request import PlainRequest

_IN_BOTH = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


class Requests(Protocol):
    """Makes requests for scripts. ``everywhere``: run() finds them without being given one."""

    everywhere: bool

    def around(self, request: Optional[HttpRequest]) -> ContextManager[Any]:
        """Surround a call of run(); the request is None when it did not come over HTTP as such."""
        ...

    def current(self, request: HttpRequest) -> Any:
        """Return the request that run() is surrounded by."""
        ...

    def refusal(self, error: BaseException) -> Optional[ScoringError]:
        """Word an error that reading the request raised: a client's mistake, and not the script's. None for others."""
        ...


class PlainRequests:
    """Where the image has no Flask."""

    everywhere = False

    def around(self, request: Optional[HttpRequest]) -> ContextManager[Any]:
        return contextlib.nullcontext()

    def current(self, request: HttpRequest) -> Any:
        return PlainRequest(request)

    def refusal(self, error: BaseException) -> Optional[ScoringError]:
        return error if isinstance(error, (InvalidInput, UnsupportedMediaType)) else None


class FlaskRequests:
    """Where a script has imported Flask, if only for AMLRequest: ``flask.request`` and ``jsonify`` work in run()."""

    everywhere = True

    def __init__(self, module: str) -> None:
        import flask
        from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

        self._app = flask.Flask(module)
        self._current: Any = flask.request
        self._bad: Any = (BadRequest, RequestEntityTooLarge)
        self._unsupported: Any = UnsupportedMediaType

    def around(self, request: Optional[HttpRequest]) -> ContextManager[Any]:
        return self._app.app_context() if request is None else self._app.request_context(_environ(request))

    def current(self, request: HttpRequest) -> Any:
        return self._current._get_current_object()

    def refusal(self, error: BaseException) -> Optional[ScoringError]:
        if isinstance(error, self._bad):
            return InvalidInput(str(error.description))
        if isinstance(error, self._unsupported):
            return UnsupportedMediaType(str(error.description))
        if isinstance(error, RecursionError) and _passed_flask(error):
            return InvalidInput("the body is nested too deeply")
        return None


def requests_for(module: str) -> Requests:
    """Choose after a script, whose module's name is given, was imported."""
    return FlaskRequests(module) if sys.modules.get("flask") is not None else PlainRequests()


def _passed_flask(error: BaseException) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__", "").split(".")[0] in ("flask", "werkzeug") for frame, _ in frames)


def _environ(request: HttpRequest) -> Dict[str, Any]:
    """Describe a request as WSGI does (PEP 3333)."""
    headers: Mapping[bytes, bytes] = request.headers
    host, _, port = headers.get(b"host", b"localhost").decode("latin-1").rpartition(":")
    environ: Dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port if port.isdigit() else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        if not name.startswith(OWN_HEADERS):
            key = _IN_BOTH.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            environ[key] = value.decode("latin-1")
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ

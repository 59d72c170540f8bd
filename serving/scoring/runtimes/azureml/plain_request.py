"""AMLRequest where the image has no Flask: what scripts use of ``flask.Request``, read from a request of ours."""

from __future__ import annotations

import io
import json
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any, Dict, List, Tuple
from urllib.parse import parse_qsl, unquote

from ...errors import InvalidInput, UnsupportedMediaType
from ..base import OWN_HEADERS, HttpRequest
from .fields import Headers, MultiDict
from .inputs import is_json
from .multipart import header_parameters, read_form


class PlainRequest:
    """A request with Flask's names. What cannot be read raises InvalidInput, which is answered with 400."""

    def __init__(self, request: HttpRequest) -> None:
        self._body = request.body
        self.method = request.method.decode("latin-1")
        self.path = unquote(request.path.decode("latin-1"))
        self.query_string = request.query
        self.headers = Headers(
            (name.decode("latin-1").title(), value.decode("latin-1"))
            for name, value in request.headers.items()
            if not name.startswith(OWN_HEADERS)
        )
        self.scheme = "http"
        self.host: str = self.headers.get("Host", "localhost")
        self.host_url = self.root_url = f"http://{self.host}/"
        self.base_url = f"http://{self.host}{request.path.decode('latin-1')}"
        self.full_path = f"{self.path}?{request.query.decode('latin-1')}"
        self.url = f"{self.base_url}?{request.query.decode('latin-1')}" if request.query else self.base_url
        self.content_type: str = self.headers.get("Content-Type", "")
        self.content_length = len(self._body)
        self.mimetype = self.content_type.partition(";")[0].strip().lower()
        self.is_json = is_json(self.content_type)
        self.remote_addr = None
        self.stream = io.BytesIO(self._body)

    @property
    def data(self) -> bytes:
        return self._body

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """Return the body, or as text in UTF-8."""
        return self._body.decode("utf-8", "replace") if as_text else self._body

    @property
    def json(self) -> Any:
        return self.get_json()

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body read as JSON.

        Raises:
            UnsupportedMediaType: it is of another type, unless ``force``. With ``silent`` this, too, gives None.
            InvalidInput: it is no JSON.
        """
        if not (force or self.is_json):
            if silent:
                return None
            raise UnsupportedMediaType("the request's Content-Type is not application/json")
        try:
            return json.loads(self._body)
        except (ValueError, RecursionError) as error:
            if silent:
                return None
            raise InvalidInput(f"the body is not JSON: {error}") from error

    @cached_property
    def args(self) -> MultiDict:
        return _pairs(self.query_string)

    @cached_property
    def _form(self) -> Tuple[MultiDict, MultiDict]:
        if self.mimetype == "multipart/form-data":
            fields, files = read_form(self._body, self.content_type)
            return MultiDict(fields), MultiDict(files)
        is_form = self.mimetype == "application/x-www-form-urlencoded"
        return (_pairs(self._body) if is_form else MultiDict()), MultiDict()

    @property
    def form(self) -> MultiDict:
        return self._form[0]

    @property
    def files(self) -> MultiDict:
        """Files by their field's name, each with ``filename``, ``read()`` and ``save()``."""
        return self._form[1]

    @property
    def values(self) -> MultiDict:
        """Parameters of the query, then of the form."""
        both: List[Tuple[str, Any]] = [
            (name, value) for source in (self.args, self.form) for name, several in source.lists() for value in several
        ]
        return MultiDict(both)

    @cached_property
    def cookies(self) -> MultiDict:
        try:
            jar = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return MultiDict()
        return MultiDict((name, morsel.value) for name, morsel in jar.items())

    @property
    def mimetype_params(self) -> Dict[str, str]:
        """Parameters of the Content-Type, such as its charset."""
        return header_parameters(self.content_type)


def _pairs(query: bytes) -> MultiDict:
    return MultiDict(parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True))

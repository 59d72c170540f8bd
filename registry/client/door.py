"""One call to the registry: encode, send, decode, and turn every failure into an error of ``registry.core``."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from registry.client.token import authorization
from registry.core.errors import ERROR_OF_CODE, HTTP_STATUS, SlipwayError, Unavailable
from registry.core.rest import ErrorBody

T = TypeVar("T")

V1 = "/api/v1"
TIMEOUT_S = 30.0
_STATUS_CODES = {status: code for code, status in HTTP_STATUS.items()}


class Door:
    """Safe to use from many threads."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = authorization(token)
        self._http = httpx.Client(
            base_url=self.url, transport=transport, timeout=TIMEOUT_S, trust_env=False, headers=headers
        )

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, record: type[T], body: Any = None, params: dict[str, Any] | None = None) -> T:
        """Call the workspace API and return the answer as a record. ``params["wait_s"]`` lengthens the time-out.

        Raises:
            SlipwayError: the class that the error's code names.
            Unavailable: the registry cannot be reached, or what answers is not a registry.
        """
        content = None if body is None else msgspec.json.encode(body)
        timeout_s = TIMEOUT_S + (params or {}).get("wait_s", 0)
        response = self.send(method, V1 + path, content, params, timeout_s)
        try:
            return msgspec.json.decode(response.content, type=record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable(f"what answers at {self.url} is not a Slipway registry: {error}") from error

    def send(
        self,
        method: str,
        path: str,
        content: bytes | Iterable[bytes] | None = None,
        params: dict[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> httpx.Response:
        """Call a path with a raw body and return the whole answer. Raises as ``ask``."""
        try:
            response = self._http.request(method, path, content=content, params=params, timeout=timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unavailable(error) from error
        _check(response)
        return response

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """Give the chunks of an answer's body. Raises as ``ask``."""
        try:
            with self._http.stream("GET", path) as response:
                if response.is_error:
                    response.read()
                    _check(response)
                yield response.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> Unavailable:
        reason = str(error) or type(error).__name__
        return Unavailable(f"the registry at {self.url} does not answer ({reason}): is it running?", url=self.url)


def _check(response: httpx.Response) -> None:
    if not response.is_error:
        return
    try:
        said = msgspec.json.decode(response.content, type=ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        kind = ERROR_OF_CODE[_STATUS_CODES.get(response.status_code, SlipwayError.code)]
        raise kind(f"the registry answered {response.status_code} {response.reason_phrase}") from None
    details = {"request_id": said.request_id, **said.details}
    raise ERROR_OF_CODE.get(said.code, SlipwayError)(said.message, **details)

"""The response that AMLResponse is where the image has no Flask: what scripts use of ``flask.Response``."""

from __future__ import annotations

import json
from typing import Any, Iterator, Optional

from .fields import Headers

HTML = "text/html; charset=utf-8"  # Flask's own default


class PlainResponse:
    """A response with Flask's names. ``response`` is text, bytes, or an iterable of either, which is streamed."""

    def __init__(
        self,
        response: Any = b"",
        status: Any = 200,
        headers: Any = None,
        mimetype: Optional[str] = None,
        content_type: Optional[str] = None,
    ) -> None:
        self.status_code = int(str(status).split()[0])
        self.headers = Headers((headers or {}).items())
        self.is_streamed = not isinstance(response, (str, bytes, bytearray, list, tuple))
        self._parts: Any = [response] if isinstance(response, (str, bytes, bytearray)) else response
        if "Content-Type" not in self.headers:
            self.headers["Content-Type"] = content_type or mimetype or HTML

    @property
    def data(self) -> bytes:
        return self.get_data()

    @property
    def content_type(self) -> str:
        return str(self.headers.get("Content-Type", ""))

    def get_data(self) -> bytes:
        return b"".join(self.iter_encoded())

    def iter_encoded(self) -> Iterator[bytes]:
        """Yield the body's parts as bytes."""
        for part in self._parts:
            yield part.encode() if isinstance(part, str) else bytes(part)

    def close(self) -> None:
        """Close an iterable that is not read any further."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()

    def get_json(self) -> Any:
        return json.loads(self.get_data())

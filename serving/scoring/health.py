"""Health and status: for HAProxy, the supervisor, Azure's and SageMaker's probes. Never touches the model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable
from urllib.parse import parse_qs

from .errors import Unavailable
from .http.messages import HTML, Request, Response, json_response
from .protocol import Status

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


class Health:
    """``status_of`` gives the process' status now; ``state`` is "ready" until draining begins."""

    def __init__(self, status_of: Callable[[], Status]) -> None:
        self._status_of = status_of

    def is_ready(self) -> bool:
        """Say whether draining has not begun."""
        return self._status_of().state == "ready"

    async def root(self, request: Request) -> Response:
        """Answer ``GET /`` as Azure ML's server does."""
        return Response(200, b"Healthy", HTML)

    async def ping(self, request: Request) -> Response:
        """Answer ``GET /ping`` as MLflow's and SageMaker's servers do."""
        return Response(200, b"\n")

    async def status(self, request: Request) -> Response:
        return json_response(200, self._status_of())

    async def ready(self, request: Request) -> Response:
        """Answer 200 only when ready, and to who asks for this very backend: an address may have been used before."""
        status = self._status_of()
        if status.state != "ready":
            raise Unavailable(f"this scoring process is {status.state}")
        asked = parse_qs(request.query.decode("latin-1")).get("backend")
        if asked is not None and asked != [status.backend]:
            raise Unavailable(f"this scoring process serves backend {status.backend!r}, not {asked[0]!r}")
        return json_response(200, {"ready": True})


def rss_bytes() -> int:
    """Read this process' resident memory."""
    return int(_STATM.read_text().split()[1]) * _PAGE

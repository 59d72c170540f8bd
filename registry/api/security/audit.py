"""The audit: what is noted of each request, and the call that shows it."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.api.route import answer, read_query, workspace_of
from registry.core.security.audit import MAX_ADDRESS, MAX_METHOD, MAX_PATH, AuditEntry, AuditList, is_audited
from registry.operations.security import audit
from registry.operations.security.audit import AuditLog

UNKNOWN = 500  # of a request that ended without an answer


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of the rows from ``since_ms`` on, and of ``who`` if that is given, the newest ``limit``."""

    since_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    who: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


async def list_entries(request: Request) -> Response:
    """Show who changed what, when and from where, the newest first."""
    query = read_query(request, AuditQuery)
    found = await run_sync(audit.list_entries, workspace_of(request), query.since_ms, query.who, query.limit)
    return answer(AuditList(entries=found))


class AuditMiddleware:
    """Note what a request did once it is answered. Outermost: it sees what every other layer refused."""

    def __init__(self, app: ASGIApp, log: AuditLog, now_ms: Callable[[], int]) -> None:
        self._app = app
        self._log = log
        self._now_ms = now_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = UNKNOWN

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, send_and_see)
        finally:
            if not state.get("repeated") and is_audited(scope["method"], state.get("pattern", ""), status):
                self._log.note(_entry(scope, state, status, self._now_ms()))


def _entry(scope: Scope, state: dict[str, Any], status: int, at_ms: int) -> AuditEntry:
    # The path as it was sent is ASCII: no control character or half a letter gets into the table.
    path = scope.get("raw_path") or scope["path"].encode()
    return AuditEntry(
        at_ms=at_ms,
        who=state.get("who", ""),
        address=(scope.get("client") or ("",))[0][:MAX_ADDRESS],
        method=scope["method"][:MAX_METHOD],
        path=path.decode("ascii", "backslashreplace")[:MAX_PATH],
        status=status,
        request_id=state.get("request_id", ""),
    )

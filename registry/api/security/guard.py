"""The middleware that refuses what a web page of somebody else's made a browser send."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.core.errors import Forbidden
from registry.core.security.browsers import refusal


class BrowserGuard:
    """Raise Forbidden before anything of the request is looked at."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin", "")
            why = refusal(scope["method"], host, origin, headers.get("sec-fetch-site", ""), self._names(scope))
            if why:
                raise Forbidden(why)
        await self._app(scope, receive, send)

    def _names(self, scope: Scope) -> frozenset[str]:
        """Return the names this server goes by: those it was given, and the address that was connected to."""
        server = scope.get("server")
        return self._hosts | {server[0]} if server else self._hosts

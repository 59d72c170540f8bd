"""The door's keeper: who asks, by the token that was sent, and whether that role may call the route."""

import base64
import binascii
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.api.route import ApiRoute
from registry.api.text import check_address
from registry.core.errors import Unauthenticated
from registry.core.security.access import ANYBODY, NOBODY, OPEN_PATHS, Caller, needed_role
from registry.operations.security.caller import caller, set_caller
from registry.operations.security.tokens import MISSING, TokenTable

MAX_CREDENTIALS = 1024


@dataclass(frozen=True)
class Protection:
    """What a server asks of those who call it: a token, and one of these names besides its own address."""

    tokens: bool = False
    hosts: frozenset[str] = frozenset()


class AccessGuard:
    """Know who asks before anything else is looked at. Without a table, anybody may do everything."""

    def __init__(self, app: ASGIApp, table: TokenTable | None) -> None:
        self._app = app
        self._table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asks = ANYBODY if self._table is None else await self._identify(scope, self._table)
            scope["state"]["who"] = asks.name
            set_caller(asks)
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope, table: TokenTable) -> Caller:
        if scope["path"] in OPEN_PATHS:
            return NOBODY
        credentials = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not credentials:
            raise Unauthenticated(MISSING)
        return await table.recognise(secret_of(credentials))


def secret_of(credentials: bytes) -> str:
    """Return the token in an ``Authorization`` header: Bearer's, or Basic's password. Raises Unauthenticated."""
    scheme, _, sent = credentials.decode("latin-1").strip().partition(" ")
    sent = sent.strip()
    if len(sent) <= MAX_CREDENTIALS:
        match scheme.lower():
            case "bearer":
                return sent
            case "basic":
                return _password(sent)
    raise Unauthenticated(f"the Authorization header holds no token: {MISSING}")


def guarded(route: ApiRoute) -> Route:
    """Return a route that asks for the role that ``registry.core.security.access`` names before its handler runs."""
    needed, handler, pattern = needed_role(route.method, route.path), route.handler, route.path

    async def check_and_handle(request: Request) -> Response:
        request.scope["state"]["pattern"] = pattern
        caller().check_may(needed)
        check_address(request.scope)
        return await handler(request)

    return Route(route.path, check_and_handle, methods=[route.method])


def _password(sent: str) -> str:
    try:
        return base64.b64decode(sent, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated(f"the Authorization header is not Basic's: {MISSING}") from error

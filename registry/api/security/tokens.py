"""Tokens: made, listed and revoked by owners."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, nothing, read_record, workspace_of
from registry.core.security.tokens import TokenList, WantedToken
from registry.operations.security import tokens
from registry.operations.security.tokens import TokenTable


async def list_tokens(request: Request) -> Response:
    """List tokens, without their secrets."""
    return answer(TokenList(tokens=await run_sync(tokens.list_tokens, workspace_of(request))))


async def create_token(request: Request) -> Response:
    """Make a token; its secret is shown this once."""
    wanted = await read_record(request, WantedToken)
    made = await run_sync(tokens.create_token, workspace_of(request), wanted)
    _forget(request)
    return answer(made, 201)


async def revoke_token(request: Request) -> Response:
    """Revoke a token."""
    await run_sync(tokens.revoke_token, workspace_of(request), request.path_params["name"])
    _forget(request)
    return nothing()


def _forget(request: Request) -> None:
    table: TokenTable | None = request.app.state.tokens
    if table is not None:
        table.forget()

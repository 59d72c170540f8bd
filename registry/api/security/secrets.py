"""The vault's door: values go in, and never come out."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, nothing, read_record, workspace_of
from registry.core.security.secrets import SecretList, SecretValue
from registry.operations.security import vault


async def list_secrets(request: Request) -> Response:
    """List secrets, without their values."""
    return answer(SecretList(secrets=await run_sync(vault.list_secrets, workspace_of(request))))


async def set_secret(request: Request) -> Response:
    """Keep a secret, in place of the one of its name."""
    wanted = await read_record(request, SecretValue)
    return answer(await run_sync(vault.set_secret, workspace_of(request), request.path_params["name"], wanted.value))


async def delete_secret(request: Request) -> Response:
    """Forget a secret."""
    await run_sync(vault.delete_secret, workspace_of(request), request.path_params["name"])
    return nothing()

"""Keys of endpoints. One in the clear is in one answer only."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, nothing, read_record, workspace_of
from registry.core.deploying.keys import KeyRules
from registry.core.rest import KeyChoice, NewKey, TokenChoice, WantedKey
from registry.operations.deploying import access_tokens, keys


async def create_key(request: Request) -> Response:
    """Add a key to an endpoint; it is shown once."""
    wanted = await read_record(request, WantedKey)
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(NewKey(key=await run_sync(keys.create_key, workspace, name, wanted.key, wanted.rules)), 201)


async def change_key(request: Request) -> Response:
    """Change what a key may do."""
    rules = await read_record(request, KeyRules)
    workspace, params = workspace_of(request), request.path_params
    return answer(await run_sync(keys.change_key, workspace, params["name"], params["key"], rules))


async def delete_key(request: Request) -> Response:
    """Delete a key."""
    await run_sync(keys.delete_key, workspace_of(request), request.path_params["name"], request.path_params["key"])
    return nothing()


async def issue_token(request: Request) -> Response:
    """Give a token of an endpoint that takes tokens."""
    choice = await read_record(request, TokenChoice)
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(await run_sync(access_tokens.issue_token, workspace, name, choice.key), 201)


async def rotate_token_key(request: Request) -> Response:
    """Sign endpoints' tokens with a new key; those of before cease."""
    await run_sync(access_tokens.rotate_token_key, workspace_of(request))
    return nothing()


async def regenerate_key(request: Request) -> Response:
    """Replace a key; the new one is shown once."""
    choice = await read_record(request, KeyChoice)
    workspace, name = workspace_of(request), request.path_params["name"]
    made = await run_sync(keys.regenerate_key, workspace, name, choice.key, choice.overlap_s)
    return answer(NewKey(key=made))

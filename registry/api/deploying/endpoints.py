"""Endpoints and their split."""

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, nothing, read_query, read_record, read_values, workspace_of
from registry.core.deploying import fields
from registry.core.deploying.documents import load_endpoint
from registry.core.deploying.history import EndpointHistory, HistoryQuery
from registry.core.deploying.keys import PAIR
from registry.core.deploying.routes import KeysToRoute
from registry.core.deploying.undo import UndoOrder
from registry.core.rest import EndpointDeletion, EndpointList, EndpointPresence, MirrorChange, TrafficChange, TtlChange
from registry.operations.deploying import endpoints, history, routes, undo


async def list_endpoints(request: Request) -> Response:
    """List endpoints."""
    return answer(EndpointList(endpoints=await run_sync(endpoints.list_endpoints, workspace_of(request))))


async def put_endpoint(request: Request) -> Response:
    """Make or change an endpoint; the keys of a new one are shown once."""
    exists = read_query(request, EndpointPresence).exists
    document = load_endpoint(await read_values(request))
    workspace, name = workspace_of(request), request.path_params["name"]
    made = await run_sync(endpoints.put_endpoint, workspace, name, document, exists)
    return answer(made, 201 if made.keys is not None and PAIR[0] in made.keys else 200)


async def plan_endpoint(request: Request) -> Response:
    """Say what making or changing an endpoint would do, field by field."""
    exists = read_query(request, EndpointPresence).exists
    values = await read_values(request)
    document, written = load_endpoint(values), fields.written(values, fields.ENDPOINT_FIELDS)
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(await run_sync(endpoints.plan_endpoint, workspace, name, document, written, exists))


async def get_endpoint(request: Request) -> Response:
    """Show an endpoint."""
    return answer(await run_sync(endpoints.get_endpoint, workspace_of(request), request.path_params["name"]))


async def delete_endpoint(request: Request) -> Response:
    """Delete an endpoint with its keys and deployments; one in use only where that is asked for."""
    live_too = read_query(request, EndpointDeletion).live_too
    delete = partial(endpoints.delete_endpoint, workspace_of(request), request.path_params["name"], live_too=live_too)
    await run_sync(delete)
    return nothing()


async def set_traffic(request: Request) -> Response:
    """Replace the traffic split."""
    change = await read_record(request, TrafficChange)
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(await run_sync(endpoints.set_traffic, workspace, name, change.traffic))


async def set_mirror_traffic(request: Request) -> Response:
    """Replace what is mirrored."""
    change = await read_record(request, MirrorChange)
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(await run_sync(endpoints.set_mirror_traffic, workspace, name, change.mirror_traffic))


async def route_keys(request: Request) -> Response:
    """Show which deployment keys of clients meet, perhaps under a planned split; nothing is changed."""
    asked = await read_record(request, KeysToRoute)
    return answer(await run_sync(routes.route, workspace_of(request), request.path_params["name"], asked))


async def set_ttl(request: Request) -> Response:
    """Change when an endpoint is deleted by itself."""
    change = await read_record(request, TtlChange)
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(await run_sync(endpoints.set_ttl, workspace, name, change.ttl_s))


async def get_history(request: Request) -> Response:
    """Tell what was changed at an endpoint, and who did it; or what answered at a time."""
    query, name = read_query(request, HistoryQuery), request.path_params["name"]
    changes = await run_sync(history.get_history, workspace_of(request), name, query.at_ms, query.limit)
    return answer(EndpointHistory(name=name, changes=changes))


async def preview_undo(request: Request) -> Response:
    """Tell what going back to a release would change."""
    order, name = read_query(request, UndoOrder), request.path_params["name"]
    return answer(await run_sync(undo.preview_undo, workspace_of(request), name, order))


async def undo_endpoint(request: Request) -> Response:
    """Go back to the release before, or another: models, images, settings and split together."""
    order, name = await read_record(request, UndoOrder), request.path_params["name"]
    return answer(await run_sync(undo.undo_endpoint, workspace_of(request), name, order), 202)

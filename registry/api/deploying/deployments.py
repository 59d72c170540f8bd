"""Deployments, their revisions, and the desired state that they make up."""

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import Waiting, answer, nothing, path_number, read_query, read_record, read_values, workspace_of
from registry.core.deploying import fields
from registry.core.deploying.desired import DesiredVersion
from registry.core.deploying.documents import load_deployment
from registry.core.deploying.endpoints import RevisionState
from registry.core.rest import DeploymentList, RevisionReport, TtlChange
from registry.operations.deploying import deployments, desired


async def list_deployments(request: Request) -> Response:
    """List deployments."""
    found = await run_sync(deployments.list_deployments, workspace_of(request), request.path_params["endpoint"])
    return answer(DeploymentList(deployments=found))


async def put_deployment(request: Request) -> Response:
    """Make a deployment or change it: a new revision."""
    document = load_deployment(await read_values(request))
    return answer(await run_sync(deployments.put_deployment, workspace_of(request), *_names(request), document), 202)


async def plan_deployment(request: Request) -> Response:
    """Say what making or changing a deployment would do, field by field."""
    values = await read_values(request)
    document, written = load_deployment(values), fields.written(values, fields.DEPLOYMENT_FIELDS)
    plan = await run_sync(deployments.plan_deployment, workspace_of(request), *_names(request), document, written)
    return answer(plan)


async def get_deployment(request: Request) -> Response:
    """Show a deployment with its revisions."""
    return answer(await run_sync(deployments.get_deployment, workspace_of(request), *_names(request)))


async def delete_deployment(request: Request) -> Response:
    """Delete a deployment that has no traffic."""
    await run_sync(deployments.delete_deployment, workspace_of(request), *_names(request))
    return nothing()


async def set_ttl(request: Request) -> Response:
    """Change when a deployment is deleted by itself."""
    change = await read_record(request, TtlChange)
    return answer(await run_sync(deployments.set_ttl, workspace_of(request), *_names(request), change.ttl_s))


async def set_revision_state(request: Request) -> Response:
    """Report a starting revision live or failed."""
    report = await read_record(request, RevisionReport)
    number, state = path_number(request, "number"), RevisionState(report.state)
    change = partial(deployments.set_revision_state, state=state, message=report.message)
    return answer(await run_sync(change, workspace_of(request), *_names(request), number))


async def get_desired_state(request: Request) -> Response:
    """Follow what the controller is to make real."""
    query = read_query(request, Waiting)
    return answer(await desired.follow_desired_state(workspace_of(request), query.after, query.wait_s))


async def get_desired_version(request: Request) -> Response:
    """Show the version of what is to be made real."""
    return answer(DesiredVersion(version=await run_sync(desired.get_version, workspace_of(request))))


def _names(request: Request) -> tuple[str, str]:
    return request.path_params["endpoint"], request.path_params["deployment"]

"""Activities and services."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import Waiting, answer, read_query, read_record, workspace_of
from registry.core.rest import ActivityList, ProgressReport, ServiceAnnouncement, ServiceList
from registry.operations import activities
from registry.operations.deploying import services


async def list_activities(request: Request) -> Response:
    """List the newest activities."""
    return answer(ActivityList(activities=await run_sync(activities.list_activities, workspace_of(request))))


async def get_activity(request: Request) -> Response:
    """Show an activity; `after` counts the log lines seen."""
    query = read_query(request, Waiting)
    workspace, activity_id = workspace_of(request), request.path_params["id"]
    return answer(await activities.follow_activity(workspace, activity_id, query.after, query.wait_s))


async def report_progress(request: Request) -> Response:
    """Report progress."""
    report = await read_record(request, ProgressReport)
    workspace, activity_id = workspace_of(request), request.path_params["id"]
    changed = await run_sync(activities.report_progress, workspace, activity_id, report.progress, report.message)
    return answer(changed)


async def list_services(request: Request) -> Response:
    """List where the processes listen."""
    return answer(ServiceList(services=await run_sync(services.list_services, workspace_of(request))))


async def announce_service(request: Request) -> Response:
    """Announce where a process listens."""
    said = await read_record(request, ServiceAnnouncement)
    workspace, name = workspace_of(request), request.path_params["name"]
    before = {one.name: (one.url, one.grpc) for one in await run_sync(services.list_services, workspace)}
    service = await run_sync(services.announce_service, workspace, name, said.url, said.grpc)
    request.state.repeated = before.get(service.name) == (service.url, service.grpc)  # nothing for the audit
    return answer(service)

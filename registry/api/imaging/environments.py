"""Curated environments, of which images are made by name."""

from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer
from registry.core.imaging.environments import CuratedEnvironmentList
from registry.operations.imaging import environments


async def list_environments(_request: Request) -> Response:
    """List the curated environments."""
    return answer(CuratedEnvironmentList(environments=environments.list_environments()))


async def get_environment(request: Request) -> Response:
    """Show a curated environment, by NAME:VERSION or NAME for its latest."""
    return answer(environments.get_environment(request.path_params["reference"]))

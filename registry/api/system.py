"""Calls about the registry itself."""

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from registry.api.route import answer
from registry.core.rest import Health


async def health(_request: Request) -> Response:
    """Say that the registry is up."""
    return answer(Health(status="ok"))


async def get_version(_request: Request) -> Response:
    """Say which Slipway this is."""
    return PlainTextResponse(version("slipway"))


async def openapi(request: Request) -> Response:
    """Return this document."""
    return answer(request.app.state.openapi)

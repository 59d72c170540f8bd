"""Which workspace a command means: flag, then environment, then the workspace file of this folder, then the default."""

import json
import os
from pathlib import Path

import typer

from registry.client import Client
from registry.core.errors import InvalidInput, Unavailable

URL_VARIABLE = "SLIPWAY_URL"
DIRECTORY_VARIABLE = "SLIPWAY_DIR"
DEFAULT_DIRECTORY = Path(".slipway")
DEFAULT_URL = "http://127.0.0.1:5000"

URL_OPTION = typer.Option(
    None, "--url", envvar=URL_VARIABLE, help="The workspace's registry; default: that of .slipway/workspace.json."
)


def workspace_url(url: str | None) -> str:
    """Return the registry's URL.

    Raises:
        InvalidInput: the workspace file is there and holds no URL.
    """
    if url:
        return url.rstrip("/")
    path = Path(os.environ.get(DIRECTORY_VARIABLE, DEFAULT_DIRECTORY)) / "workspace.json"
    try:
        return str(json.loads(path.read_text())["url"])
    except OSError:
        return DEFAULT_URL
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} holds no url: name the workspace with --url or {URL_VARIABLE}") from error


def service_url(client: Client, name: str) -> str:
    """Return where a service of the workspace is, as it announced itself.

    Raises:
        Unavailable: it has not.
    """
    for service in client.services.list():
        if service.name == name:
            return service.url
    raise Unavailable(f"the {name} has not announced itself to the registry: is it running? see `slipway status`")


def connect(url: str | None) -> Client:
    """Return a client of the workspace."""
    return Client(workspace_url(url))

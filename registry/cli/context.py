"""Which workspace a command means: flag, then environment, then the workspace file of this folder, then the default."""

import json
import os
from pathlib import Path

import typer

from registry.client import Client

URL_VARIABLE = "SLIPWAY_URL"
DIRECTORY_VARIABLE = "SLIPWAY_DIR"
DEFAULT_DIRECTORY = Path(".slipway")
DEFAULT_URL = "http://127.0.0.1:5000"

URL_OPTION = typer.Option(
    None, "--url", envvar=URL_VARIABLE, help="The workspace's registry; default: that of .slipway/workspace.json."
)


def workspace_url(url: str | None) -> str:
    """Return the registry's URL."""
    if url:
        return url.rstrip("/")
    path = Path(os.environ.get(DIRECTORY_VARIABLE, DEFAULT_DIRECTORY)) / "workspace.json"
    try:
        return str(json.loads(path.read_text())["url"])
    except (OSError, ValueError, KeyError):
        return DEFAULT_URL


def connect(url: str | None) -> Client:
    """Return a client of the workspace."""
    return Client(workspace_url(url))

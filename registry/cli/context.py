"""Which workspace a command means: flag, then environment, then the workspace file of this folder; never a guess."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import typer

from registry.client import Client
from registry.core.errors import InvalidInput

URL_VARIABLE = "SLIPWAY_URL"
DIRECTORY_VARIABLE = "SLIPWAY_DIR"
DEFAULT_DIRECTORY = Path(".slipway")

URL_OPTION = typer.Option(
    None, "--url", envvar=URL_VARIABLE, help="The workspace's registry; default: that of .slipway/workspace.json."
)


def workspace_url(url: str | None) -> str:
    """Return the registry's URL.

    Raises:
        InvalidInput: no workspace is named and there is none in this folder, its file holds no URL, or what was named
            is no URL.
    """
    if url:
        return _checked(url)
    path = workspace_folder() / "workspace.json"
    try:
        return str(json.loads(path.read_text())["url"])
    except OSError as error:
        raise InvalidInput(
            f"there is no workspace in {path.parent}: start one with `slipway up`, "
            f"or name one with --url or {URL_VARIABLE}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} holds no url: name the workspace with --url or {URL_VARIABLE}") from error


def workspace_folder() -> Path:
    """Return the folder of SLIPWAY_DIR, or .slipway in this one; it may be missing."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY).absolute()


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidInput(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidInput(f"{url!r} is not a URL: write http://HOST:PORT")
    return url.rstrip("/")


def connect(url: str | None) -> Client:
    """Return a client of the workspace."""
    return Client(workspace_url(url))

"""Who we are to a registry: the workspace's token to its own, what ``docker login`` or podman kept to any other."""

import base64
import binascii
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from registry.client.token import TOKEN_VARIABLE


class Login(NamedTuple):
    user: str
    password: str


class _Entry(msgspec.Struct):
    auth: str = ""


class _AuthFile(msgspec.Struct):
    auths: dict[str, _Entry] = {}


def login_for(host: str, own_host: str | None, variables: dict[str, str]) -> Login | None:
    """Return the login for a host. The workspace's token is given to the workspace's registry and to nobody else."""
    if host == own_host:
        token = variables.get(TOKEN_VARIABLE, "").strip()
        return Login("slipway", token) if token else None
    for file in _auth_files(variables):
        entry = _read(file).auths.get(host)
        if entry is not None and entry.auth:
            return _decoded(entry.auth)
    return None


def _auth_files(variables: dict[str, str]) -> list[Path]:
    """List the files where skopeo, podman and docker look, in their order."""
    named = variables.get("REGISTRY_AUTH_FILE")
    if named:
        return [Path(named)]
    runtime = Path(variables.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    docker = Path(variables.get("DOCKER_CONFIG") or Path(variables.get("HOME") or "/") / ".docker")
    return [runtime / "containers" / "auth.json", docker / "config.json"]


def _read(file: Path) -> _AuthFile:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_AuthFile)
    except (OSError, msgspec.MsgspecError):  # a file that is not there, or another tool's: nobody is logged in by it
        return _AuthFile()


def _decoded(text: str) -> Login | None:
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Login(user, password)

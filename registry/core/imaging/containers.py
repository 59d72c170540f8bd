"""How an image runs as a container: what an image of kind ``docker`` says of itself, and what others are given."""

import re

import msgspec

from registry.core.errors import InvalidInput
from registry.core.imaging.container_locations import parse_location

PORT, GRPC_PORT = 5001, 5002  # the first is Azure ML's inference port
USER = "10001:10001"  # nobody's, so that the kernel protects what the container can reach
_USER = re.compile(r"[a-z_][-a-z0-9_]{0,31}(?::[a-z_][-a-z0-9_]{0,31})?\Z|[0-9]{1,9}(?::[0-9]{1,9})?\Z")


class ContainerSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``base`` is where the base image is, as ``slipway image export --base`` takes it."""

    base: str | None = None
    port: int = PORT
    grpc_port: int = GRPC_PORT
    user: str = USER
    labels: dict[str, str] = {}


def check_settings(settings: ContainerSettings, path: str) -> None:
    """Raise InvalidInput for what no container can have. Whether the base is there shows when it is exported."""
    if settings.base is not None:
        try:
            parse_location(settings.base)
        except InvalidInput as error:
            raise InvalidInput(f"{path}.base: {error.message}", path=f"{path}.base") from error
    for name, port in (("port", settings.port), ("grpc_port", settings.grpc_port)):
        if not 1 <= port <= 65_535:
            raise InvalidInput(f"{path}.{name}: {port} is no port: 1 to 65535", path=f"{path}.{name}")
    if settings.port == settings.grpc_port:
        raise InvalidInput(f"{path}.grpc_port: {settings.port} is the HTTP port already", path=f"{path}.grpc_port")
    if not _USER.match(settings.user):
        where = f"{path}.user"
        raise InvalidInput(f"{where}: {settings.user!r} is no user: a name or number, or USER:GROUP", path=where)
    if settings.user.partition(":")[0] in ("0", "root"):
        raise InvalidInput(f"{path}.user: the container does not run as root: give another user", path=f"{path}.user")

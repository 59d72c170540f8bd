"""Where the other processes can be reached."""

from urllib.parse import urlsplit

from registry.core.errors import InvalidInput
from registry.core.services import Service, ServiceName
from registry.operations.workspace import Workspace
from registry.store.deploying import services as rows


def announce_service(workspace: Workspace, name: str, url: str, grpc: str = "") -> Service:
    """Remember where a process listens, in place of what it said before.

    Raises:
        InvalidInput: no such process, or the URL is not HTTP's.
    """
    if name not in list(ServiceName):
        known = ", ".join(ServiceName)
        raise InvalidInput(f"there is no service {name!r}: the services are {known}", value=name)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise InvalidInput(f"{url!r} is not an address: write http://HOST:PORT", path="$.url")
    service = Service(name=ServiceName(name), url=url.rstrip("/"), grpc=grpc, updated_ms=workspace.now_ms())
    with workspace.metadata.write() as tx:
        rows.put(tx, service)
    return service


def list_services(workspace: Workspace) -> list[Service]:
    """Return what has announced itself, by name."""
    with workspace.metadata.read() as tx:
        return rows.all_services(tx)

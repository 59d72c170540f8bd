"""The registry's process: opens the stores, binds, serves, and leaves quickly when told to."""

import errno
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import uvicorn
from sqlalchemy.engine import make_url

from registry.api.app import build_app
from registry.api.security.access import Protection
from registry.api.security.bound import check_owner, protection_of
from registry.api.security.head_limit import BoundedHttpProtocol
from registry.core.errors import SlipwayError
from registry.operations.activities import fail_interrupted
from registry.operations.deploying.expiry import expiring
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.signing import sign_what_was_built
from registry.operations.security.audit import prune_audit
from registry.operations.workspace import Workspace, open_workspace

logger = logging.getLogger("slipway.registry")

USAGE_ERROR = 2
GRACE_S = 5


class RegistryServer(uvicorn.Server):
    """uvicorn, which lets go of long-polls before it waits for the requests that are running."""

    def __init__(self, workspace: Workspace, works: ImageWorks, protection: Protection | None = None) -> None:
        app = build_app(workspace, works, protection)
        config = uvicorn.Config(
            app,
            http=BoundedHttpProtocol,
            ws="none",
            proxy_headers=False,  # the audit's addresses are those that connected, not what a header says
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=75,  # longer than clients keep idle connections
        )
        super().__init__(config)
        self._workspace = workspace
        self._audit = app.state.audit

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._workspace.signal.close()
        await super().shutdown(sockets)
        await self._audit.close()


def serve(
    host: str,
    port: int,
    database_url: str,
    artifacts_url: str,
    data_dir: Path,
    vault_key_file: Path,
    access: str | None = None,
    allowed_hosts: list[str] | None = None,
    node_dir: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. ``access`` is "off", "tokens", or what fits ``host``.

    ``node_dir`` is the folder of the node on which images are rehearsed, by default one in ``data_dir``.

    Raises:
        SystemExit: with code 2 and one line on stderr: the port is taken, a store cannot be opened, or the registry
            would be open to others, or closed to everybody.
    """
    try:
        protection = protection_of(host, access, allowed_hosts or [])
        listener = _bind_or_exit(host, port)
        works = open_image_works(data_dir / "images", node_dir)
        workspace = open_workspace(database_url, artifacts_url, vault_key_file)
        check_owner(workspace, protection, database_url)
        sign_what_was_built(workspace, works)
    except (SlipwayError, OSError) as error:
        _exit(str(error))
    fail_interrupted(workspace)
    prune_audit(workspace)
    signal.signal(signal.SIGTERM, _ignore)  # uvicorn raises it again when it is done; done is done
    signal.signal(signal.SIGINT, _ignore)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)
    logger.info("registry listens on %s; %s", _url_of(listener), places(database_url, artifacts_url, data_dir))
    try:
        with expiring(workspace):
            RegistryServer(workspace, works, protection).run(sockets=[listener])
    finally:
        workspace.close()


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket whose connections send without delay. Port 0 picks a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def places(database_url: str, artifacts_url: str, data_dir: Path) -> str:
    """Say where everything is kept, without what a URL may hold of keys and passwords."""
    database = make_url(database_url).set(query={}).render_as_string(hide_password=True)
    return f"database {database}, artifacts {artifacts_url.partition('?')[0]}, data folder {data_dir}"


def _bind_or_exit(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            _exit(f"port {port} on {host} is taken: stop what listens there, or choose another with --port")
        _exit(f"cannot listen on {host}:{port}: {error.strerror}")


def _exit(message: str) -> NoReturn:
    sys.stderr.write(f"slipway registry: {message}\n")
    raise SystemExit(USAGE_ERROR)


def _ignore(_signal: int, _frame: object) -> None:
    return

"""A process with an HTTP door: bind its port or say clearly why not, announce it to the registry, end on SIGTERM."""

import asyncio
import logging
import signal
import socket
import sys
from typing import NoReturn

import httpx
import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.client.token import TOKEN_VARIABLE, authorization
from registry.core.addresses import is_loopback
from registry.core.security.browsers import refusal

ANNOUNCE_RETRY_S = 1.0
ANNOUNCE_AGAIN_S = 30.0  # a registry that was restored from a copy learns it again

log = logging.getLogger("slipway.service")


def bind(name: str, host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        SystemExit: code 2 and one line on stderr: the port is taken, or the address is not loopback.
    """
    if not is_loopback(host):
        refuse(name, f"{host} is not a loopback address: the {name} has no tokens yet, so it binds 127.0.0.1 only")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        refuse(name, f"cannot listen on {host}:{port}: {error.strerror}; choose another port with --port")
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(name: str, app: ASGIApp, listener: socket.socket) -> None:
    """Serve ``app`` until SIGTERM or SIGINT, then finish within about a second."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    config = uvicorn.Config(
        _guarded(app),
        loop="asyncio",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        ws="none",
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises it once more when it has finished
    log.info("%s listens on %s", name, url_of(listener))
    uvicorn.Server(config).run(sockets=[listener])


def _guarded(app: ASGIApp) -> ASGIApp:
    """Answer 403 to what a web page of somebody else's made a browser send."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin", "")
            why = refusal(scope["method"], host, origin, headers.get("sec-fetch-site", ""))
            if why:
                await PlainTextResponse(why, 403)(scope, receive, send)
                return
        await app(scope, receive, send)

    return guarded


async def announce(registry_url: str, name: str, addresses: dict[str, str], retry_s: float = ANNOUNCE_RETRY_S) -> None:
    """Tell the registry where a service is, and again from time to time, for ever."""
    headers = authorization()
    async with httpx.AsyncClient(base_url=registry_url, timeout=5.0, trust_env=False, headers=headers) as client:
        while True:
            try:
                answer = await client.put(f"/api/v1/services/{name}", json=addresses)
                if answer.status_code in (401, 403):
                    log.warning("the registry refuses the %s: set %s to a contributor's token", name, TOKEN_VARIABLE)
                    await asyncio.sleep(ANNOUNCE_AGAIN_S)
                    continue
                answer.raise_for_status()
                await asyncio.sleep(ANNOUNCE_AGAIN_S)
            except httpx.HTTPError as error:
                log.debug("the registry does not answer yet: %s", error)
                await asyncio.sleep(retry_s)


def refuse(name: str, message: str) -> NoReturn:
    """End the process with one clear line and exit code 2."""
    print(f"{name}: {message}", file=sys.stderr)  # noqa: T201 - one line for a person
    raise SystemExit(2)

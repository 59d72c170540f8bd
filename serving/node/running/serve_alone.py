"""One image in the foreground: pull, materialise, one scoring process. No cluster, no edge, no secret."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx

from registry.core.errors import SlipwayError
from registry.core.imaging.signatures import Trust
from serving.node.errors import NodeError, RegistryAway
from serving.node.keeping.room import open_room
from serving.node.prepare import prepare_image, resolve_reference
from serving.node.running.launch import NODE, Launch, read_description
from serving.node.running.process import ScoringProcess
from serving.node.running.samples import reproduce

START_TIMEOUT_S = 300.0
GRACE_S = 10.0


def serve_alone(
    registry_url: str,
    reference: str,
    *,
    host: str,
    http_port: int,
    grpc_port: int,
    serve_as: str | None,
    state_dir: Path,
    trust: Trust,
    cache_gb: float | None = None,
) -> int:
    """Serve the image that ``reference`` names until SIGINT or SIGTERM, and return the command's exit code.

    Port 0 takes a free one; ``serve_as`` is the answering name, by default the model's own.
    """
    try:
        name, digest = resolve_reference(registry_url, reference)
        prepared = prepare_image(registry_url, name, digest, open_room(state_dir / NODE, cache_gb), trust, _say)
        launch = Launch(
            python=prepared.python,
            image=prepared.image,
            serve_as=serve_as or read_description(prepared.image).models[0].name,
            backend="",
            host=host,
            http_port=http_port,
            grpc_port=grpc_port,
            holds=prepared.holds,
            golden=prepared.golden,
        )
        return asyncio.run(_serve(launch))
    except (NodeError, SlipwayError) as error:
        _say(f"cannot serve {reference}: {error.message}{_hint(error, reference)}")
        return 1
    except KeyboardInterrupt:  # while pulling or materialising
        return 1


def _hint(error: Exception, reference: str) -> str:
    if not isinstance(error, RegistryAway) or "@" in reference:
        return ""
    name = reference.partition(":")[0]
    return f"; what is on this machine already needs no registry by its digest: slipway image serve {name}@sha256:…"


async def _serve(launch: Launch) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    process = ScoringProcess.start(launch, None)
    stopped = asyncio.ensure_future(stop.wait())
    serving = asyncio.ensure_future(_announce(process, launch))
    await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        _say(f"the scoring process ended by itself ({serving.result()})")
        return 1
    serving.cancel()
    _say("stopping")
    return 0 if await process.terminate(GRACE_S) == 0 else 1


async def _announce(process: ScoringProcess, launch: Launch) -> int:
    """Say where it serves once it does, and return its exit code when it ends by itself."""
    announcement = await process.ready(START_TIMEOUT_S)
    async with httpx.AsyncClient(trust_env=False) as http:
        await reproduce(launch, process, f"{launch.host}:{announcement.http_port}", http)
    on = f" with {announcement.provider}" if announcement.provider else ""
    _say(f"serving {launch.serve_as} on http://{launch.host}:{announcement.http_port}{on}")
    if announcement.grpc_port:
        _say(f"gRPC on {launch.host}:{announcement.grpc_port}")
    return await process.wait()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()

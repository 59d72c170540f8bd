"""Start the scoring process: arguments and environment, lifeline, model, sockets, announcement, drain."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Optional

import uvloop

from .app import App, refuse
from .azure.settings import read_settings
from .cached_plane import CachedPlane
from .dataplane import DataPlane
from .doors import door_table
from .engine.batching import threads_for
from .engine.settings import EngineSettings, add_engine_arguments, engine_settings
from .engine.workers import Workers
from .errors import LoadFailed
from .health import Health, rss_bytes
from .http.bodies import Bodies
from .http.server import HttpServer, allowed_connections
from .image import CODE_PATH, Image, read_image
from .lifeline import die_with_parent, exit_when_stdin_ends
from .logs import configure_users_logging, keep_own_loggers, start_logging
from .mirror import Mirror
from .oip.grpc_door import GrpcInference
from .oip.grpc_server import GrpcServer
from .oip.served_model import ServedModel
from .probe import HTTP_PORT_VARIABLE
from .protocol import EXIT_LOAD_FAILED, Announcer, Failed, Ready, Status
from .runtimes.base import Runtime, provider_of
from .runtimes.blame import NO_BLAME, Blame, open_blame

MAX_BODY_VARIABLE, MAX_BODY_MB = "SLIPWAY_MAX_BODY_MB", 2047  # as much as a gRPC message may have
HOST_VARIABLE, GRPC_VARIABLE = "SLIPWAY_HOST", "SLIPWAY_GRPC_PORT"
BLAME_VARIABLE = "SLIPWAY_BLAME"  # a variable, which images that know nothing of it do not mind
SECRET_VARIABLE = "SLIPWAY_EDGE_SECRET"  # noqa: S105 (the variable's name)

_log = logging.getLogger("slipway.scoring")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="slipway_scoring", description="Serve one image: one model, one process.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the unpacked image")
    # A container is given these three as variables, which whoever runs it can set to something else.
    host, http_port, grpc_port = (os.environ.get(name) for name in (HOST_VARIABLE, HTTP_PORT_VARIABLE, GRPC_VARIABLE))
    parser.add_argument("--host", default=host or "127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--http-port", type=int, default=http_port or "0", help="0 takes a free one (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=grpc_port or "0", help="0 takes a free one (%(default)s)")
    parser.add_argument("--serve-as", help="the model's name to clients; by default its own")
    parser.add_argument("--backend", default="", help="endpoint.deployment.revision; health checks may ask for it")
    parser.add_argument(
        "--announce-fd", type=int, help="write the ready or failed line there; stdin is a lifeline then"
    )
    parser.add_argument("--request-timeout-ms", type=int, default=5000, help="(%(default)s)")
    parser.add_argument(
        "--max-concurrent", type=int, default=64, help="requests at once; as many wait before 429 (%(default)s)"
    )
    largest = os.environ.get(MAX_BODY_VARIABLE) or "64"  # a deployment's variables are how it sets this
    parser.add_argument(
        "--max-body-mb", type=_megabytes, default=largest, help="size of a request's body (%(default)s)"
    )
    add_engine_arguments(parser, os.environ)
    return parser.parse_args()


def _megabytes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_BODY_MB:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MAX_BODY_MB} ({MAX_BODY_VARIABLE})")
    return int(text)


def load(
    root: Path, image: Image, code_dir: Path, max_concurrent: int, blame: Blame, settings: EngineSettings
) -> tuple[Runtime, Workers]:
    """Load the image's model on the threads that will run it."""
    workers = Workers()
    if image.runtime == "onnx":
        from .runtimes.cpus import allowed_cpus, threads_of
        from .runtimes.onnx import load_onnx
        from .runtimes.providers import PLAIN

        model_dir = Path(os.environ.get("AZUREML_MODEL_DIR") or root / image.model_dir)
        at_once, threads = threads_of(os.environ, allowed_cpus())
        runtime: Runtime = workers.load(load_onnx, model_dir, at_once, threads, image.acceleration or PLAIN)
        workers.grow(min(threads_for(runtime, settings), max_concurrent))
        return runtime, workers
    if image.runtime == "script" and image.scoring_script:
        from .runtimes.azureml.modules import provide_modules
        from .runtimes.script_loading import load_script

        os.environ.setdefault("AZUREML_MODEL_DIR", str(root / image.model_dir))
        os.environ.setdefault("AZUREML_ENTRY_SCRIPT", image.scoring_script)
        provide_modules()  # logging.json may name classes of Azure ML's
        configure_users_logging(code_dir)
        return workers.load(load_script, code_dir / image.scoring_script, code_dir, blame), workers
    if image.runtime == "mlflow":
        from .runtimes.mlflow import MlflowRuntime, load_mlflow
        from .runtimes.mlflow_batches import BatchedMlflow

        model_dir = Path(os.environ.get("AZUREML_MODEL_DIR") or root / image.models[0].path)
        kind = BatchedMlflow if settings.batching == "on" else MlflowRuntime
        return workers.load(load_mlflow, model_dir, blame, kind), workers
    raise LoadFailed(f"this scoring process cannot run an image of runtime {image.runtime!r}")


def take_blame(backend: str) -> Blame:
    """Take part in the table of bodies that ended processes, if the supervisor has made one."""
    path, deployment = os.environ.pop(BLAME_VARIABLE, ""), backend.rpartition(".")[0].replace(".", "/", 1)
    return open_blame(path, f"slipway logs {deployment}") if path else NO_BLAME


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen, so that the port is known and taken before anything is announced."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise LoadFailed(f"cannot listen on {host}:{port}: {reason}") from error


def take_secret() -> Optional[bytes]:
    """Take the edge's secret out of the environment, before any code of the user's can read or inherit it."""
    return os.environ.pop(SECRET_VARIABLE, "").encode() or None


SWITCH_S = 0.0005  # how long a script that computes may keep Python from the event loop; by default ten times that


async def serve(options: argparse.Namespace, announcer: Announcer, secret: Optional[bytes]) -> None:
    image = read_image(options.root)
    root = options.root.resolve()
    code_dir = Path(os.environ.setdefault("AML_APP_ROOT", str(root / CODE_PATH)))
    azureml = read_settings(os.environ, code_dir)
    settings = engine_settings(options)
    blame = take_blame(options.backend)
    runtime, workers = load(root, image, code_dir, options.max_concurrent, blame, settings)
    keep_own_loggers()
    provider = provider_of(runtime)
    model = image.models[0]
    timeout_ms = min(options.request_timeout_ms, azureml.scoring_timeout_ms or options.request_timeout_ms)
    kind = CachedPlane if settings.cache_max_bytes else DataPlane
    plane = kind(runtime, workers, options.max_concurrent, timeout_ms / 1000, settings, blame=blame)
    server: HttpServer

    def status() -> Status:
        return Status(
            state="draining" if server.draining else "ready",
            backend=options.backend,
            in_flight=plane.in_flight,
            executed=plane.executed,
            rss_bytes=rss_bytes(),
            provider=provider,
            waiting=plane.engine.waiting,
            refused=plane.engine.admission.refused,
            executed_after_deadline=plane.engine.executed_after_deadline,
            cache_hits=plane.statistics.cache_hits,
            cache_misses=plane.statistics.cache_misses,
        )

    name = options.serve_as or model.name
    max_body_bytes = options.max_body_mb << 20
    health = Health(status)
    doors = door_table(plane, health, name, str(model.version), azureml)
    bodies = Bodies(max_body_bytes)
    mirror = Mirror(options.backend)
    app = App(doors, secret, bodies, azureml.cors_origins, mirror)
    server = HttpServer(app, refuse, bodies, allowed_connections())
    http_socket = listen(options.host, options.http_port)
    http_port = http_socket.getsockname()[1]
    await server.start(http_socket)
    served = ServedModel(plane, name, str(model.version), health.is_ready)
    grpc_server = GrpcServer(GrpcInference(served), secret, max_body_bytes, mirror)
    grpc_port = await grpc_server.start(options.host, options.grpc_port)
    if image.runtime != "onnx":  # code of the user's may fork
        from .runtimes.forks import keep_from_children

        keep_from_children(http_port, grpc_port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gc.collect()
    gc.freeze()
    announcer.announce(Ready(http_port=http_port, grpc_port=grpc_port, pid=os.getpid(), provider=provider))
    on = f", on {provider}" if provider else ""
    _log.info("ready: http %s:%d, grpc %s:%d%s", options.host, http_port, options.host, grpc_port, on)
    await stop.wait()
    _log.info("draining: %d in flight", plane.in_flight)
    await asyncio.gather(server.drain(), grpc_server.drain(options.request_timeout_ms / 1000))


def main() -> None:
    secret = take_secret()
    options = arguments()
    announcer = Announcer(options.announce_fd)
    if options.announce_fd is not None:
        os.set_inheritable(options.announce_fd, False)
        die_with_parent()
        exit_when_stdin_ends()
    printed = start_logging()
    sys.setswitchinterval(SWITCH_S)
    code = 0
    try:
        uvloop.new_event_loop().run_until_complete(serve(options, announcer, secret))
    except LoadFailed as error:
        _log.error("cannot serve: %s", error.message)
        announcer.announce(Failed(error=error.message))
        code = EXIT_LOAD_FAILED
    printed.finish()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a script may have put anything there
            stream.flush()
    os._exit(code)  # a script's own threads, or work past its deadline, must not hold the process


if __name__ == "__main__":
    main()

"""The processes that ``slipway up`` starts, each by itself: ``controller``, ``edge``, ``telemetry``, ``image serve``.

Imports of what a process needs happen inside its command: each process loads only its own part of the house.
"""

import sys
from pathlib import Path

import typer

from registry.cli.context import DEFAULT_DIRECTORY, DIRECTORY_VARIABLE, URL_OPTION, workspace_url
from serving.cli.node import CACHE_OPTION
from serving.node.running.launch import NODE

REGISTRY_OPTION = typer.Option("http://127.0.0.1:5000", "--registry", help="The registry's URL.")
CONTROLLER_OPTION = typer.Option("http://127.0.0.1:5001", "--controller", help="The controller's URL.")
TELEMETRY_OPTION = typer.Option("http://127.0.0.1:5002", "--telemetry", help="The telemetry process' URL.")
HOST_OPTION = typer.Option("127.0.0.1", "--host", help="Address to bind; loopback, until the doors have tokens.")
SECRET_OPTION = typer.Option(Path(".slipway/secrets/edge-secret"), "--secret-file", help="Scoring ports answer to it.")


def controller(
    host: str = HOST_OPTION,
    port: int = typer.Option(5001, min=1, max=65535),
    registry: str = REGISTRY_OPTION,
    ray: str = typer.Option("127.0.0.2:6379", "--ray", help="host:port of the Ray head."),
    data_dir: Path = typer.Option(Path(".slipway/controller"), help="The controller's own files."),
    state_dir: Path = typer.Option(Path(".slipway"), help="The nodes' folder: images, environments, logs."),
    secret_file: Path = SECRET_OPTION,
) -> None:
    """Run the controller: make Ray and the edges match the registry.

    Example: slipway controller --registry http://127.0.0.1:5000 --ray 127.0.0.2:6379
    """
    from serving.controller.server import ControllerSettings, serve

    settings = ControllerSettings(
        host=host,
        port=port,
        registry_url=registry,
        ray_address=ray,
        data_dir=data_dir.resolve(),
        state_dir=state_dir.resolve(),
        secret_file=secret_file.resolve(),
    )
    serve(settings)


def edge(
    host: str = typer.Option("127.0.0.1", help="Address to bind; every request to an endpoint needs one of its keys."),
    http_port: int = typer.Option(8000, min=1, max=65535),
    grpc_port: int = typer.Option(8001, min=1, max=65535),
    registry: str = REGISTRY_OPTION,
    controller_url: str = CONTROLLER_OPTION,
    telemetry_url: str = TELEMETRY_OPTION,
    data_dir: Path = typer.Option(Path(".slipway/edge"), help="Configuration, maps, the last routing table."),
    runtime_dir: Path = typer.Option(None, help="Short private folder for sockets; default: below the data folder."),
    secret_file: Path = SECRET_OPTION,
) -> None:
    """Run the edge of this node: HAProxy, and the agent that owns it.

    Example: slipway edge --http-port 8000 --grpc-port 8001
    """
    from serving.edge.agent import EdgeSettings, run_agent

    settings = EdgeSettings(
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        registry_url=registry,
        controller_url=controller_url,
        telemetry_url=telemetry_url,
        data_dir=data_dir.resolve(),
        runtime_dir=(runtime_dir or data_dir / "run").resolve(),
        secret_file=secret_file.resolve(),
    )
    sys.exit(run_agent(settings))


def telemetry(
    host: str = HOST_OPTION,
    port: int = typer.Option(5002, min=1, max=65535),
    registry: str = REGISTRY_OPTION,
    data_dir: Path = typer.Option(Path(".slipway/telemetry"), help="The telemetry tables."),
) -> None:
    """Run the telemetry process: sole writer and reader of the requests table.

    Example: slipway telemetry --data-dir .slipway/telemetry
    """
    from serving.telemetry.server import serve

    serve(host=host, port=port, data_dir=data_dir.resolve(), registry_url=registry)


def serve_image(
    reference: str = typer.Argument(help="NAME:TAG, which the registry resolves, or NAME@DIGEST"),
    host: str = typer.Option("127.0.0.1", help="Address to bind."),
    http_port: int = typer.Option(9000, min=0, max=65535, help="0 takes a free one."),
    grpc_port: int = typer.Option(9001, min=0, max=65535, help="0 takes a free one."),
    serve_as: str = typer.Option(None, help="The name it answers to; default: the image's."),
    state_dir: Path = typer.Option(
        DEFAULT_DIRECTORY, envvar=DIRECTORY_VARIABLE, help="Where images and environments are kept."
    ),
    node_cache_gb: float | None = CACHE_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Run one scoring process of an image by itself, without a cluster.

    By digest, an image that was served on this machine before needs no registry.

    Example: slipway image serve cancer-onnx:1 --http-port 9000
    """
    from serving.node.running.serve_alone import serve_alone
    from serving.node.trust import known_trust

    registry_url = workspace_url(url)
    code = serve_alone(
        registry_url=registry_url,
        reference=reference,
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        serve_as=serve_as or reference.partition("@")[0].partition(":")[0],
        state_dir=state_dir.resolve(),
        trust=known_trust(registry_url, state_dir.resolve() / NODE),
        cache_gb=node_cache_gb,
    )
    sys.exit(code)

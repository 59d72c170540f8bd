"""``slipway up``, ``down`` and ``status``: the workspace of one machine."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console

from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json
from registry.core.counts import count
from registry.core.errors import NotFound, Unavailable
from serving.cli.node import CACHE_OPTION, DIR_OPTION
from serving.cli.status import show_status
from serving.embedded.observation import observe_workspace, view_replicas
from serving.embedded.paths import WorkspacePaths, make_private, workspace_paths
from serving.embedded.plan import HOST, Ports
from serving.embedded.ports import check_distinct
from serving.embedded.runner import last_line
from serving.embedded.standing import view_deployments
from serving.embedded.workspace import (
    UpState,
    check_not_held,
    hold_up,
    read_up_state,
    read_workspace_file,
    take_down,
)
from serving.node.keeping.room import BOUND_VARIABLE


def _port_option(help_text: str) -> Any:
    return typer.Option(None, min=1, max=65535, help=help_text)


def up(
    folder: Path = DIR_OPTION,
    detach: bool = typer.Option(False, "--detach", "-d", help="Return when ready; stop it with `slipway down`."),
    registry_port: int | None = _port_option("Registry and MLflow tracking: as last time, else 5000."),
    controller_port: int | None = _port_option("As last time, else 5001."),
    telemetry_port: int | None = _port_option("As last time, else 5002."),
    http_port: int | None = _port_option("The edge's HTTP port: as last time, else 8000."),
    grpc_port: int | None = _port_option("The edge's gRPC port: as last time, else 8001."),
    node_cache_gb: float | None = CACHE_OPTION,
) -> None:
    """Start the workspace on this machine: registry, controller, telemetry, Ray and edge, on loopback.

    Stays in the foreground until Ctrl-C, and starts again whatever dies.

    Example: slipway up --detach && slipway status
    """
    paths = workspace_paths(folder)
    known = read_workspace_file(paths)
    given = {
        "registry": registry_port,
        "controller": controller_port,
        "telemetry": telemetry_port,
        "http": http_port,
        "grpc": grpc_port,
    }
    chosen = {name: port for name, port in given.items() if port is not None}
    ports = msgspec.structs.replace(known.ports if known else Ports(), **chosen)
    check_distinct(ports)
    if node_cache_gb is not None:
        os.environ[BOUND_VARIABLE] = str(node_cache_gb)  # the supervisors inherit it
    if detach:
        _up_detached(paths, ports)
    else:
        _up_here(paths, ports)


def down(folder: Path = DIR_OPTION) -> None:
    """Stop every process of the workspace, also when `slipway up` was killed.

    Example: slipway down
    """
    paths = workspace_paths(folder)
    began = time.monotonic()
    if take_down(paths):
        console.print(f"stopped the workspace in {paths.home} ({time.monotonic() - began:.1f} s)")
    else:
        console.print(f"nothing was running in {paths.home}", style="dim")


def status(folder: Path = DIR_OPTION, output: OutputFormat = OUTPUT_OPTION) -> None:
    """Show the workspace's processes and replicas: what runs, since when, and what it costs.

    Example: slipway status --output json
    """
    paths = workspace_paths(folder)
    workspace = read_workspace_file(paths)
    if workspace is None:
        raise NotFound(f"there is no workspace in {paths.home}: start one with `slipway up`")
    seen = observe_workspace(paths, workspace)
    if output is OutputFormat.JSON:
        print_json(seen)
        return
    show_status(seen)


def _up_here(paths: WorkspacePaths, ports: Ports) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    out = Console(soft_wrap=True, emoji=False)
    left = 5

    def say(name: str, state: str) -> None:
        nonlocal left
        left -= state == "ready"
        out.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {name} {state}", highlight=False)
        if state == "ready" and left == 0:
            out.print(_welcome(ports, time.monotonic() - began), highlight=False)

    hold_up(paths, ports, say, stop)
    out.print(f"stopped the workspace in {paths.home}", highlight=False)


def _up_detached(paths: WorkspacePaths, ports: Ports) -> None:
    make_private(paths.home)
    check_not_held(paths)
    make_private(paths.logs)
    log_path = paths.logs / "up.log"
    options = [f"--{name}-port={getattr(ports, name)}" for name in Ports.__struct_fields__]
    slipway = Path(sys.executable).with_name("slipway")
    with log_path.open("ab") as log:
        holder = subprocess.Popen(
            [slipway, "up", f"--dir={paths.home}", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    began = time.monotonic()
    try:
        with console.status("starting the workspace") as status_line:
            while not (state := _state_of(paths, holder.pid)).ready:
                if holder.poll() is not None:
                    raise Unavailable(last_line(log_path).removeprefix("error: "))
                status_line.update(f"starting the workspace: {_summary(state)}")
                time.sleep(0.1)
    except KeyboardInterrupt:
        holder.terminate()
        holder.wait()
        raise
    console.print(_welcome(ports, time.monotonic() - began), highlight=False, soft_wrap=True)


def _state_of(paths: WorkspacePaths, pid: int) -> UpState:
    state = read_up_state(paths)
    if state is None or state.pid != pid:
        return UpState(pid=pid, start_ticks=0, states={})
    return state


def _summary(state: UpState) -> str:
    return ", ".join(f"{name} {how}" for name, how in state.states.items()) or "preparing"


def _welcome(ports: Ports, took_s: float) -> str:
    return (
        f"[bold green]ready[/] in {took_s:.1f} s\n"
        f"  registry and MLflow tracking  http://{HOST}:{ports.registry}\n"
        f"  scoring, HTTP                 http://{HOST}:{ports.http}/endpoints/ENDPOINT/score\n"
        f"  scoring, gRPC                 {HOST}:{ports.grpc}"
        f"{_loading(ports)}"
    )


def _loading(ports: Ports) -> str:
    replicas = view_replicas(f"http://{HOST}:{ports.controller}")
    views = view_deployments(f"http://{HOST}:{ports.registry}", replicas)
    loading = sum(view.is_loading for view in views)
    return f"\n  {count(loading, 'deployment')} still loading: slipway status" if loading else ""

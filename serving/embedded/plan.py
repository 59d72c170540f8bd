"""What a one-machine workspace consists of: commands, environments, readiness and order, as plain data."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from serving.cluster.head import RayPorts, cluster_address, head_command, ray_environment
from serving.embedded.paths import WorkspacePaths
from serving.embedded.records import INSTANCE_VARIABLE
from serving.node.running.launch import NODE

HOST = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    registry: int = 5000
    controller: int = 5001
    telemetry: int = 5002
    http: int = 8000
    grpc: int = 8001


class WorkspaceFile(msgspec.Struct, frozen=True, kw_only=True):
    """``workspace.json``: how to reach the workspace, and the mark that all its processes carry."""

    instance: str
    url: str
    ports: Ports
    ray: RayPorts


class Readiness(StrEnum):
    HTTP = "http"  # ``ready_at`` is a URL that answers 200
    LOG = "log"  # ``ready_at`` is a text in the process' log


class ProcessPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One process. It is started when those in ``after`` are ready."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    readiness: Readiness
    ready_at: str
    after: tuple[str, ...] = ()
    ready_within_s: float = 90.0


def plan_processes(paths: WorkspacePaths, workspace: WorkspaceFile) -> list[ProcessPlan]:
    """Return every process of the workspace, in the order in which they are started."""
    slipway = str(Path(sys.executable).with_name("slipway"))
    ports = workspace.ports
    mark = {INSTANCE_VARIABLE: workspace.instance}
    ray_variables = mark | ray_environment(paths.secrets / "ray-token")
    registry_url, controller_url, telemetry_url = (
        f"http://{HOST}:{port}" for port in (ports.registry, ports.controller, ports.telemetry)
    )
    secret_file = str(paths.secrets / "edge-secret")

    def service(name: str, port: int, *options: str, after: tuple[str, ...] = ()) -> ProcessPlan:
        return ProcessPlan(
            name=name,
            argv=[slipway, name, "--host", HOST, "--port", str(port), *options],
            environment=ray_variables if name == "controller" else mark,
            readiness=Readiness.HTTP,
            ready_at=f"http://{HOST}:{port}/health",
            after=after,
        )

    return [
        ProcessPlan(
            name="ray",
            argv=head_command(workspace.ray, paths.runtime / "r"),
            environment=ray_variables,
            readiness=Readiness.LOG,
            ready_at="Ray runtime started",
        ),
        service(
            "registry",
            ports.registry,
            *("--database", f"sqlite:///{paths.home / 'registry.db'}"),
            *("--artifacts", (paths.home / "artifacts").as_uri()),
            *("--data-dir", str(paths.home / "registry"), "--node-dir", str(paths.home / NODE)),
            *("--vault-key-file", str(paths.secrets / "vault-key")),
        ),
        service(
            "controller",
            ports.controller,
            *("--registry", registry_url, "--ray", cluster_address(workspace.ray)),
            *("--data-dir", str(paths.home / "controller"), "--state-dir", str(paths.home)),
            *("--secret-file", secret_file),
            after=("telemetry", "edge"),  # it waits for Ray by itself, and loads meanwhile
        ),
        service(
            "telemetry",
            ports.telemetry,
            *("--data-dir", str(paths.home / "telemetry"), "--registry", registry_url),
            after=("registry",),
        ),
        ProcessPlan(
            name="edge",
            argv=[
                *(slipway, "edge", "--host", HOST, "--http-port", str(ports.http), "--grpc-port", str(ports.grpc)),
                *("--registry", registry_url, "--controller", controller_url, "--telemetry", telemetry_url),
                *("--data-dir", str(paths.home / "edge"), "--runtime-dir", str(paths.runtime / "e")),
                *("--secret-file", secret_file),
            ],
            environment=mark,
            readiness=Readiness.HTTP,
            ready_at=f"http://{HOST}:{ports.http}/v2/health/live",
            after=("registry",),
        ),
    ]


def stop_stages(names: Iterable[str]) -> list[list[str]]:
    """Return the names of processes in stages of stopping: the edge first, so nobody is sent to what is going away."""
    names = list(names)
    return [[name for name in names if name == "edge"], [name for name in names if name != "edge"]]

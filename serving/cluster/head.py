"""The command and environment of a one-machine Ray cluster, as text. Imports no Ray."""

import sys
from pathlib import Path

import msgspec

NODE_ADDRESS = "127.0.0.2"  # loopback; Ray replaces 127.0.0.1 by the machine's outward address
OBJECT_STORE_BYTES = 80 * 1024 * 1024  # requests never pass through Ray; this is the least it accepts


class RayPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Free ports, chosen by the caller so that several workspaces run on one machine."""

    gcs: int
    client: int
    agent: int


def head_command(ports: RayPorts, temp_dir: Path) -> list[str]:
    """Return the command that runs a head node in the foreground until SIGTERM."""
    ray = str(Path(sys.executable).with_name("ray"))
    options = {
        "port": ports.gcs,
        "ray-client-server-port": ports.client,
        "dashboard-agent-listen-port": ports.agent,
        "node-ip-address": NODE_ADDRESS,
        "temp-dir": temp_dir,
        "include-dashboard": "false",
        "include-log-monitor": "false",
        "min-worker-port": 0,
        "max-worker-port": 0,
        "object-store-memory": OBJECT_STORE_BYTES,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [ray, "start", "--head", "--block", "--disable-usage-stats", "--no-monitor", *flags]


def ray_environment(token_file: Path) -> dict[str, str]:
    """Return the variables that every Ray process of this workspace needs.

    Ray's ports listen on every address, so its token authentication is always on, and its metrics, which need no token,
    are off. Workers get the niceness of other processes: Ray's default of 15 starves them on a busy machine. Of what
    has ended Ray remembers little; by default it is 100,000 actors, of some 200 kB each, and as many tasks.
    """
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_enable_metrics_collection": "false",
        "RAY_task_events_report_interval_ms": "0",
        "RAY_maximum_gcs_destroyed_actor_cached_count": "10",
        "RAY_maximum_gcs_dead_worker_cached_count": "10",
    }


def cluster_address(ports: RayPorts) -> str:
    """Return the address drivers connect to."""
    return f"{NODE_ADDRESS}:{ports.gcs}"

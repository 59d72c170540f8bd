"""The model of ``make bench`` behind two deployments, and two edges before them."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from loadtest.bench.client import Request
from loadtest.bench.engine_workspace import Bench
from loadtest.bench.model import train
from loadtest.bench.subject import Subject, free_port, wait_until_answered
from loadtest.bench.workspace import document
from loadtest.demo.command import BIN, Slipway

HEADER = "x-user-id"


class Crossing(NamedTuple):
    """An endpoint behind several edges. ``requests`` are the same at each of them."""

    slipway: Slipway
    folder: Path
    name: str
    registry: str
    requests: list[Request]
    say: Callable[[str], None]

    def split(self, **weights: int) -> None:
        """Change the split, as a person would; every edge obeys it when this returns."""
        traffic = " ".join(f"{name}={percent}" for name, percent in weights.items())
        self.slipway.run("endpoint", "update", "--name", self.name, "--traffic", traffic)

    def route(self, users: Sequence[str]) -> dict[str, str]:
        """Return whom each user meets, as it is computed without sending a request."""
        file = self.folder / "users"
        file.write_text("".join(f"{user}\n" for user in users))
        routed = self.slipway.json("endpoint", "route", self.name, "--keys-file", str(file))
        return {route["key"]: route["deployment"] for route in routed["routes"]}


@contextmanager
def crossing(bench: Bench, name: str) -> Iterator[Crossing]:
    """Serve the model of ``make bench`` from two deployments, sticky by ``HEADER``, behind two edges."""
    body = train(bench.folder / f"{name}.onnx")
    model = (bench.folder / f"{name}.onnx").read_bytes()
    served = bench.serve_model(name, model, blue={}, green={})
    sticky = {"name": name, "auth_mode": "key", "traffic_key": {"header": HEADER}}
    bench.slipway.run("endpoint", "update", "-f", document(bench.folder, f"{name}-sticky", sticky))
    with second_edge(bench) as port:
        requests = [replace(served, port=one).request("/score", body) for one in (served.port, port)]
        for request in requests:
            wait_until_answered(Subject("edge", request, list))
        registry = f"http://127.0.0.1:{bench.ports['registry']}"
        yield Crossing(bench.slipway, bench.folder, name, registry, requests, bench.say)


@contextmanager
def second_edge(bench: Bench) -> Iterator[int]:
    """Run another edge of the workspace; give its port."""
    port, home = free_port(), bench.folder / "workspace"
    command = [str(BIN / "slipway"), "edge", f"--http-port={port}", f"--grpc-port={free_port()}"]
    processes = ("registry", "controller", "telemetry")
    command += [f"--{name}=http://127.0.0.1:{bench.ports[name]}" for name in processes]
    command += [f"--data-dir={bench.folder / 'edge-2'}", f"--secret-file={home / 'secrets' / 'edge-secret'}"]
    process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)

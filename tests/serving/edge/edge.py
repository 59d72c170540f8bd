"""A real edge: its agent in a process of its own, and HAProxy."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import SECRET
from tests.serving.edge.tables import KEY

_AGENT = """
import sys
from pathlib import Path
import msgspec
from serving.edge.agent import EdgeSettings, run_agent
sys.exit(run_agent(msgspec.json.decode(sys.argv[1], type=EdgeSettings, dec_hook=lambda kind, value: kind(value))))
"""


def eventually(condition: Callable[[], Any], within_s: float = 10.0) -> Any:
    """Return what ``condition`` gives as soon as it is true; fail when it is not in time."""
    deadline = time.monotonic() + within_s
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


class Edge:
    def __init__(self, folder: Path, controller: Controller, telemetry: Telemetry) -> None:
        self.http_port, self.grpc_port = free_ports(2)
        self.folder = folder
        self._settings = {
            "host": "127.0.0.1",
            "http_port": self.http_port,
            "grpc_port": self.grpc_port,
            "registry_url": "http://127.0.0.1:1",
            "controller_url": controller.url,
            "telemetry_url": telemetry.url,
            "data_dir": str(folder / "edge data"),
            "runtime_dir": str(folder / "r"),
            "secret_file": str(folder / "secret"),
        }
        (folder / "secret").write_text(SECRET + "\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.headers = {"authorization": f"Bearer {KEY}"}
        self.eventually = eventually
        self.transport_error = httpx.TransportError
        self.client = self.new_client()

    def new_client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", timeout=20.0, trust_env=False)

    def reconnect(self) -> None:
        self.client.close()
        self.client = self.new_client()

    def admin(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(self.folder / "r" / f"{self.life['boot']}.sock"))
            one.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: one.recv(1 << 16), b"")).decode()

    @property
    def data(self) -> Path:
        return Path(self._settings["data_dir"])  # type: ignore[arg-type]

    @property
    def life(self) -> dict[str, Any]:
        """The HAProxy that serves: boot and pid."""
        lives: dict[str, Any] = json.loads((self.data / "haproxy.json").read_text())
        return dict(lives["serving"])

    def start(self) -> None:
        before = len(self.log()) if (self.folder / "agent.log").exists() else 0
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _AGENT, json.dumps(self._settings)], stdout=log, stderr=log
            )
        eventually(self._is_ready)
        eventually(lambda: " HAProxy " in self.log()[before:])

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "agent.log").read_text()
        try:
            return self.client.get("/v2/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def kill_agent(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def close(self) -> None:
        self.client.close()
        life = self.life if (self.data / "haproxy.json").exists() else None
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill_agent()
        if life is not None and _is_haproxy(life["pid"]):
            os.kill(life["pid"], signal.SIGKILL)

    def score(self, path: str = "/endpoints/cancer/score", **request: Any) -> httpx.Response:
        headers = self.headers | request.pop("headers", {})
        return self.client.post(path, headers=headers, **{"content": b"{}", **request})


def _is_haproxy(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "haproxy"
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for one in sockets:
        one.close()
    return ports

"""A real edge (agent and HAProxy) between in-test replicas, an in-test controller and an in-test telemetry process."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx
import msgspec
import pytest

from registry.core.endpoints import KeyHash, RetryRule
from serving.wire.request_line import COLUMNS, MARK
from serving.wire.routing import Backend, DeploymentRoute, EndpointRoute, RoutingTable, Server, ServerState

KEY = "a-key-of-the-tests"
SECRET = "the-secret-of-the-tests"

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


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that is gone is nothing to report."""


class _Http:
    """A threaded HTTP server on a free port."""

    def __init__(self, door: type[_Door]) -> None:
        self.server = _Quiet(("127.0.0.1", 0), door)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class Replica:
    """Answers with what it got; the query tells it to behave otherwise: ``status=500``, ``hang=1``, ``die=1``."""

    def __init__(self, name: str, backend: str) -> None:
        self.name, self.backend = name, backend
        self.requests: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.release = threading.Event()
        replica = self

        class Door(_Door):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                if parts.path == "/-/ready":
                    secret_is_right = self.headers.get("x-slipway-edge") == SECRET
                    self.answer(200 if secret_is_right and query.get("backend") == replica.backend else 503, b"{}")
                    return
                body = self.body()
                seen = {
                    "replica": replica.name,
                    "path": self.path,
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "body": body.decode("latin-1"),
                }
                replica.requests.append(seen)
                if "hang" in query:
                    replica.release.wait(20)
                if "die" in query:
                    self.close_connection = True
                    return
                self.answer(int(query.get("status", 200)), json.dumps(seen).encode())

            do_POST = do_GET  # noqa: N815

        self._http = _Http(Door)
        self._grpc = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        handler = grpc.unary_unary_rpc_method_handler(self._call)
        self._grpc.add_generic_rpc_handlers((_AnyMethod(handler),))
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.server = Server(
            id=name, http_address=self._http.address, grpc_address=f"127.0.0.1:{port}", state=ServerState.READY
        )

    def _call(self, request: bytes, context: Any) -> bytes:
        self.calls.append(dict(context.invocation_metadata()))
        if b"fail" in request:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such input")
        return self.name.encode()

    def close(self) -> None:
        self.release.set()
        self._http.close()
        self._grpc.stop(None).wait()


class _AnyMethod(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def service(self, details: Any) -> Any:
        return self._handler


@pytest.fixture
def replica() -> Iterator[Callable[..., Replica]]:
    made: list[Replica] = []

    def make(name: str, backend: str = "cancer.blue.1") -> Replica:
        made.append(Replica(name, backend))
        return made[-1]

    yield make
    for one in made:
        one.close()


def backend(name: str, *servers: Server, timeout_ms: int = 1000, retry: RetryRule = RetryRule.ONCE) -> Backend:
    return Backend(
        name=name,
        servers=sorted(servers, key=lambda s: s.id),
        request_timeout_ms=timeout_ms,
        max_connections_per_server=128,
        retry=retry,
    )


def endpoint(name: str = "Cancer", *, header: str | None = None, **intervals: int) -> EndpointRoute:
    """An endpoint whose deployments are the intervals' names; a bound of 0 is a deployment without traffic."""
    return EndpointRoute(
        name=name,
        keys=[KeyHash("primary", hashlib.sha256(KEY.encode()).hexdigest())],
        intervals=[(bound, deployment) for deployment, bound in intervals.items() if bound],
        traffic_header=header,
        deployments=[
            DeploymentRoute(name=d, backend=f"{name}.{d}.1".lower(), model_versions=[str(number)])
            for number, d in enumerate(sorted(intervals), 1)
        ],
    )


def table(generation: int, endpoints: list[EndpointRoute], backends: list[Backend], **more: Any) -> RoutingTable:
    return RoutingTable(generation=generation, endpoints=endpoints, backends=backends, **more)


class Tables:
    """The makers above, for tests that cannot import a conftest."""

    backend = staticmethod(backend)
    endpoint = staticmethod(endpoint)
    table = staticmethod(table)


@pytest.fixture
def make() -> Tables:
    return Tables()


class Controller:
    def __init__(self) -> None:
        self.table = RoutingTable(generation=0)
        self.applied = -1
        self._news = threading.Condition()
        controller = self

        class Door(_Door):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                after = int(query["after"][0])
                with controller._news:
                    controller.applied = after
                    controller._news.notify_all()
                    controller._news.wait_for(lambda: controller.table.generation != after, timeout=5)
                    table = controller.table
                self.answer(200, msgspec.json.encode(table))

        self._http = _Http(Door)
        self.url = f"http://{self._http.address}"

    def publish(self, table: RoutingTable) -> None:
        """Show a table and return when the edge has acknowledged it."""
        with self._news:
            self.table = table
            self._news.notify_all()
            assert self._news.wait_for(lambda: self.applied == table.generation, timeout=10), "not acknowledged"

    def show(self, table: RoutingTable) -> None:
        with self._news:
            self.table = table
            self._news.notify_all()

    def close(self) -> None:
        with self._news:
            self.table = RoutingTable(generation=-2)
            self._news.notify_all()
        self._http.close()


class Telemetry:
    """Keeps the rows it was sent, each once; ``away`` answers 503."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.away = False
        telemetry = self

        class Door(_Door):
            def do_POST(self) -> None:
                body = self.body()
                if telemetry.away:
                    self.answer(503, b"{}")
                    return
                telemetry.raw.append(body)
                self.answer(204, b"")

        self._http = _Http(Door)
        self.url = f"http://{self._http.address}"

    def lines(self) -> list[bytes]:
        return list(dict.fromkeys(line for body in list(self.raw) for line in body.split(b"\n")[:-1]))

    def rows(self) -> list[dict[str, str]]:
        rows = []
        for line in self.lines():
            mark, *fields = line.decode().split("\t")
            assert mark == MARK
            assert len(fields) == len(COLUMNS), line
            rows.append(dict(zip(COLUMNS, fields, strict=True)))
        return rows

    def close(self) -> None:
        self._http.close()


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


@pytest.fixture
def controller() -> Iterator[Controller]:
    one = Controller()
    yield one
    one.close()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    one = Telemetry()
    yield one
    one.close()


@pytest.fixture
def edge(tmp_path: Path, controller: Controller, telemetry: Telemetry) -> Iterator[Edge]:
    one = Edge(tmp_path, controller, telemetry)
    one.start()
    yield one
    one.close()

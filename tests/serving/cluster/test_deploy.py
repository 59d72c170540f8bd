"""Serve follows the rendered configuration: against a real Ray head, with supervisors that find no registry."""

import asyncio
import secrets
import subprocess
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from registry.core.deploying.desired import DesiredState
from registry.core.imaging.signatures import SignaturePolicy, Trust
from serving.cluster.client import RayCluster
from serving.cluster.head import RayPorts, cluster_address, head_command, ray_environment
from serving.cluster.schema import Surroundings, render
from serving.embedded.ports import free_ports
from serving.embedded.records import INSTANCE_VARIABLE, end, left_behind
from serving.wire.replica import ReplicaReport, ReplicaState
from tests.serving.cluster.desired import desired

WITHIN_S = 60.0


class Heard:
    """A controller that lets every replica go, and remembers which supervisors of a backend are there."""

    def __init__(self) -> None:
        self.supervisors: dict[str, set[str]] = defaultdict(set)
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                report = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])), type=ReplicaReport)
                heard.take(report)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"released": true}')

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, report: ReplicaReport) -> None:
        backend = f"{report.endpoint}.{report.deployment}.{report.revision}".lower()
        if report.state is ReplicaState.GONE:
            self.supervisors[backend].discard(report.supervisor)
        else:
            self.supervisors[backend].add(report.supervisor)

    async def until(self, holds: Callable[[dict[str, set[str]]], bool]) -> dict[str, set[str]]:
        """Return who is there once ``holds`` says yes."""
        async with asyncio.timeout(WITHIN_S):
            while not holds(self.supervisors):  # noqa: ASYNC110 - filled by the server's threads
                await asyncio.sleep(0.05)
        return {backend: set(names) for backend, names in self.supervisors.items()}


@pytest.fixture
def heard() -> Iterator[Heard]:
    one = Heard()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a Ray head with ports of its own; what it leaves behind carries a mark and is ended by it."""
    gcs, client, agent = free_ports(3)
    ports = RayPorts(gcs=gcs, client=client, agent=agent)
    mark = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="slipway-ray-", dir="/tmp") as name:  # Ray's sockets need a short path
        token = Path(name, "token")
        token.write_text(secrets.token_hex(32))
        for variable, value in (ray_environment(token) | {INSTANCE_VARIABLE: mark}).items():
            monkeypatch.setenv(variable, value)
        head = subprocess.Popen(
            head_command(ports, Path(name, "r")), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        try:
            yield cluster_address(ports)
        finally:
            end(left_behind([], mark), grace_s=5.0)
            head.wait()


@pytest.fixture
def surroundings(heard: Heard, tmp_path: Path) -> Surroundings:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    [nobody] = free_ports(1)
    return Surroundings(
        registry_url=f"http://127.0.0.1:{nobody}",
        controller_url=f"http://127.0.0.1:{heard.server.server_address[1]}",
        state_dir=str(tmp_path),
        secret_file=str(secret),
    )


@pytest.mark.e2e
def test_serve_runs_what_is_rendered_and_touches_nothing_else(
    address: str, heard: Heard, surroundings: Surroundings
) -> None:
    asyncio.run(deploy_scale_and_delete(address, heard, surroundings))


async def deploy_scale_and_delete(address: str, heard: Heard, surroundings: Surroundings) -> None:
    cluster = RayCluster(address)
    try:
        assert await cluster.nodes() == 1
        await cluster.apply(render(desired(1, instance_count=1), surroundings, 1))
        first = await heard.until(lambda there: len(there["cancer.blue.1"]) == 1)

        await cluster.apply(render(desired(1, 2, instance_count=1), surroundings, 1))
        second = await heard.until(lambda there: len(there["cancer.blue.2"]) == 1)
        assert second["cancer.blue.1"] == first["cancer.blue.1"], "a new revision leaves the one before alone"

        await cluster.apply(render(desired(1, 2, instance_count=2), surroundings, 1))
        scaled = await heard.until(lambda there: len(there["cancer.blue.1"]) == len(there["cancer.blue.2"]) == 2)
        assert first["cancer.blue.1"] < scaled["cancer.blue.1"], "replicas are added in place"

        trust = Trust(policy=SignaturePolicy.REQUIRE, keys={"ed25519-" + "0" * 16: "AAAA"})
        trusting = replace(desired(1, 2, instance_count=3), trust=trust)
        await cluster.apply(render(trusting, surroundings, 1))
        scaled_again = await heard.until(lambda there: len(there["cancer.blue.1"]) == len(there["cancer.blue.2"]) == 3)
        assert scaled["cancer.blue.1"] < scaled_again["cancer.blue.1"], "whose signatures count restarts nothing"

        await cluster.close()  # the next driver knows nothing of what the first has deployed
        await cluster.apply(render(replace(desired(2, instance_count=3), trust=trust), surroundings, 1))
        rest = await heard.until(lambda there: not there["cancer.blue.1"])
        assert rest["cancer.blue.2"] == scaled_again["cancer.blue.2"], "only what is not named goes"

        assert len(_crews(rest["cancer.blue.2"])) == 2, "three replicas on a node are two crews"
        await cluster.apply(render(replace(desired(2, instance_count=3), trust=trust), surroundings, 3))
        await heard.until(lambda there: len(_crews(there["cancer.blue.2"])) == len(there["cancer.blue.2"]) == 3)

        await cluster.apply(render(DesiredState(version=9, endpoints=[]), surroundings, 1))
        await heard.until(lambda there: not any(there.values()))
    finally:
        await cluster.close()


def _crews(supervisors: set[str]) -> set[str]:
    return {name.rpartition("-")[0] for name in supervisors}

"""Two models that differ in a known part, mirrored whole, from the edge to the report."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from serving.wire.routing import Server, ServerState
from tests.serving.edge.edge import Edge, eventually
from tests.serving.edge.neighbours import Controller
from tests.serving.edge.replica import SECRET
from tests.serving.edge.tables import Tables
from tests.serving.scoring.models import write_image
from tests.serving.scoring.process import Process
from tests.serving.telemetry.test_server import running

SCRIPT = """
import json

def init():
    pass

def run(data):
    number = json.loads(data)["data"][0][0]
    return {{"label": (number + {differs}) % 2, "score": number / 7}}
"""
DIFFERS = {"blue": "0", "green": "(number % 100 < 7)"}
REQUESTS = 400


class Telemetry:
    """A real one, by its address."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture
def town(tmp_path: Path, controller: Controller, make: Tables) -> Iterator[tuple[Edge, httpx.Client]]:
    """An edge that mirrors blue's requests to green: two real scoring processes, and a real telemetry process."""
    with ExitStack() as stack:
        _, telemetry = stack.enter_context(running(tmp_path / "telemetry"))
        processes = {}
        for name, differs in DIFFERS.items():
            root = write_image(tmp_path / name, script=SCRIPT.format(differs=differs))
            given = ("--backend", f"cancer.{name}.1", "--serve-as", "cancer")
            processes[name] = Process(root, *given, environment={"SLIPWAY_EDGE_SECRET": SECRET})
            stack.callback(processes[name].close)
        (tmp_path / "edge").mkdir()
        edge = Edge(tmp_path / "edge", controller, Telemetry(str(telemetry.base_url).rstrip("/")))  # type: ignore[arg-type]
        stack.callback(edge.close)
        edge.start()
        backends = [make.backend(f"cancer.{name}.1", _server(name, one)) for name, one in processes.items()]
        route = replace(make.endpoint("cancer", blue=10000, green=0), mirrors=[(10000, "green")])
        controller.publish(make.table(1, [route], backends))
        yield edge, telemetry


def _server(name: str, process: Process) -> Server:
    return Server(id=name, http_address=process.http, grpc_address=process.grpc, state=ServerState.READY)


def report(telemetry: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = telemetry.get("/v1/mirror-report", params={"endpoint": "cancer"}, timeout=60).json()
    return found


def all_told(telemetry: httpx.Client, requests: int) -> dict[str, Any]:
    """Return the pair of revisions once it is known what became of so many copies."""
    pairs = report(telemetry)["pairs"]
    names = ("compared", "dropped", "refused", "late", "failed")
    told = sum(pair[name] for pair in pairs for name in names)
    return pairs[-1] if told >= requests else {}  # before its first answer, a target has no revision


def test_a_planted_disagreement_is_what_the_report_reads(town: tuple[Edge, httpx.Client]) -> None:
    edge, telemetry = town
    pair: dict[str, Any] = {}
    for number in range(REQUESTS):
        answer = edge.score(content=b'{"data": [[%d]]}' % number, headers={"x-request-id": f"n-{number}"})
        assert answer.json() == {"label": number % 2, "score": number / 7}
        if number % 100 == 99:  # no more than may wait
            pair = eventually(partial(all_told, telemetry, number + 1), 60)
    assert (pair["primary_revision"], pair["target_revision"]) == ("cancer.blue.1", "cancer.green.1")
    assert (pair["compared"], pair["agreed"]) == (REQUESTS, REQUESTS * 0.93)
    found = report(telemetry)
    assert {row["output"]: row["max_abs"] for row in found["outputs"]} == {"label": 1, "score": 0}
    assert all(int(row["request_id"].removeprefix("n-")) % 100 < 7 for row in found["worst"])

"""Real copies: an edge with its mirror process, between replicas and the handing-over of a scoring process."""

import asyncio
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from serving.scoring.mirror import Mirror
from serving.wire.comparison import Comparison, Outcome
from tests.serving.edge.edge import Edge, eventually
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import Replica
from tests.serving.edge.tables import Tables

BLUE, GREEN = "cancer.blue.1", "cancer.green.1"
ANSWER = b'{"replica": "g0", "path": "/score"}'
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {
    b"traceparent": b"00-%b-b7ad6b7169203331-01" % TRACE.encode(),
    b"content-type": b"application/json",
    b"connection": b"close",
}


class Town:
    """An edge that mirrors all of Cancer's requests to green, which ``hand_over`` says that blue has answered."""

    def __init__(self, edge: Edge, telemetry: Telemetry, green: Replica) -> None:
        self.edge = edge
        self.telemetry = telemetry
        self.green = green
        self.socket = str(edge.folder / "r" / "mirror.sock")

    def hand_over(self, *paths: bytes, until: Callable[[], bool] = lambda: True) -> None:
        """Be a scoring process for a moment, or until something is so."""

        async def answer() -> None:
            mirror = Mirror(BLUE)
            for number, target in enumerate(paths):
                wanted = f"{self.socket} 5,10000,green,5,red"
                json_type = {b"content-type": b"application/json"}
                mirror.after(wanted, f"r-{number}", target, HEADERS, b"{}", 200, json_type, ANSWER)
            await asyncio.sleep(0.2)
            async with asyncio.timeout(20):
                while not until():  # noqa: ASYNC110 - of another process
                    await asyncio.sleep(0.05)

        asyncio.run(answer())

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(self.socket) == 0

    def outcomes(self) -> Counter[Outcome]:
        counts: Counter[Outcome] = Counter()
        for one in self.telemetry.copies():
            counts[one.outcome] += one.count
        return counts

    def wait_for(self, **counts: int) -> None:
        wanted = {Outcome(name): count for name, count in counts.items()}
        eventually(lambda: self.outcomes() == wanted, 15)

    def compared(self) -> list[Comparison]:
        return [one for one in self.telemetry.copies() if one.outcome is Outcome.COMPARED]


@pytest.fixture
def town(
    edge: Edge,
    controller: Controller,
    telemetry: Telemetry,
    replica: Callable[..., Replica],
    make: Tables,
) -> Iterator[Town]:
    blue, green = replica("b0", BLUE), replica("g0", GREEN)
    backends = [make.backend(BLUE, blue.server), make.backend(GREEN, green.server)]
    route = replace(make.endpoint("Cancer", blue=10000, green=0), mirrors=[(10000, "green")])
    controller.publish(make.table(1, [route], backends))
    made = Town(edge, telemetry, green)
    eventually(made.listens, 20)
    yield made


def mirror_pid(edge: Edge) -> int:
    assert edge.process is not None
    children = Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"mirroring" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_what_was_answered_is_asked_of_the_target_and_compared(town: Town) -> None:
    town.hand_over(b"/score?a=1")
    town.wait_for(compared=1)
    (one,) = town.compared()
    assert (one.primary, one.target, one.request_id, one.operation_id) == (BLUE, GREEN, "r-0", TRACE)
    assert (one.door, one.primary_status, one.target_status) == ("/score", 200, 200)
    outputs = {pair.name: pair.difference.value for pair in one.outputs}
    assert outputs["replica"] == ""  # both said g0
    assert outputs["path"] == "value"
    assert outputs["headers"] == "missing"
    seen = town.green.requests[0]["headers"]
    assert seen["x-request-id"] == "r-0"
    assert seen["content-length"] == "2"
    assert seen["x-slipway-key"] == "-mirror"


def test_the_deployment_that_answered_gets_no_copy_of_its_own(town: Town) -> None:
    async def answer() -> None:
        Mirror(GREEN).after(f"{town.socket} 5,10000,green", "r", b"/score", HEADERS, b"{}", 200, {}, b"[1]")
        await asyncio.sleep(0.1)

    asyncio.run(answer())
    town.hand_over(b"/score")
    town.wait_for(compared=1)


def test_another_status_is_a_disagreement(town: Town) -> None:
    town.hand_over(b"/score?status=500")
    town.wait_for(compared=1)
    (one,) = town.compared()
    assert (one.target_status, [pair.difference.value for pair in one.outputs]) == (500, ["status"])


def test_a_target_that_hangs_has_few_at_once_and_the_rest_is_counted(town: Town) -> None:
    town.hand_over(*[b"/score?hang=1"] * 4, *[b"/score"] * 296)
    eventually(lambda: len(town.green.requests) >= 4)
    eventually(lambda: town.outcomes()[Outcome.DROPPED] >= 36, 15)
    assert len(town.green.requests) == 4
    town.green.release.set()
    eventually(lambda: sum(town.outcomes().values()) == 300, 30)
    assert town.outcomes()[Outcome.LATE] + town.outcomes()[Outcome.COMPARED] >= 256


def test_a_target_without_room_is_let_alone(town: Town) -> None:
    town.hand_over(b"/score?status=429")
    town.wait_for(refused=1)


def test_a_target_that_breaks_off_has_failed(town: Town) -> None:
    town.hand_over(b"/score?die=1")
    eventually(lambda: town.outcomes()[Outcome.FAILED] == 1, 15)


def test_a_mirror_process_that_is_killed_is_started_again_and_what_it_missed_is_counted(town: Town) -> None:
    town.hand_over(b"/score")
    town.wait_for(compared=1)
    killed = mirror_pid(town.edge)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not town.listens())
    told = lambda: town.outcomes()[Outcome.DROPPED] == 10  # noqa: E731
    town.hand_over(*[b"/score"] * 10, until=told)  # as soon as there is somebody to tell
    town.wait_for(compared=1, dropped=10)
    assert mirror_pid(town.edge) != killed
    eventually(town.listens, 20)
    town.hand_over(b"/score")
    town.wait_for(compared=2, dropped=10)


def test_it_ends_with_its_agent_and_the_next_one_starts_another(town: Town) -> None:
    pid = mirror_pid(town.edge)
    town.edge.kill_agent()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 15)
    town.edge.start()
    eventually(town.listens, 20)
    town.hand_over(b"/score")
    town.wait_for(compared=1)


def test_it_ends_when_nothing_is_mirrored_any_more(
    town: Town,
    controller: Controller,
) -> None:
    pid = mirror_pid(town.edge)
    endpoints = [replace(endpoint, mirrors=[]) for endpoint in controller.table.endpoints]
    controller.publish(replace(controller.table, generation=2, endpoints=endpoints))
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 15)


def test_comparisons_wait_while_telemetry_is_away(town: Town) -> None:
    town.telemetry.away = True
    town.hand_over(b"/score")
    eventually(lambda: town.green.requests)
    town.telemetry.away = False
    town.wait_for(compared=1)


def test_it_gives_way_to_whoever_answers_somebody(town: Town) -> None:
    nice = subprocess.run(
        ["ps", "-o", "ni=", "-p", str(mirror_pid(town.edge))], capture_output=True, text=True, check=True
    )
    assert int(nice.stdout) == 10 + os.nice(0)


def test_who_hands_over_nonsense_is_not_listened_to_and_harms_nobody(town: Town) -> None:
    async def nonsense() -> None:
        for frame in (b"\xff\xff\xff\xff", b"\x02\x00\x00\x00{}", b"\x01"):
            _, writer = await asyncio.open_unix_connection(town.socket)
            writer.write(frame)
            writer.close()

    asyncio.run(nonsense())
    town.hand_over(b"/score")
    town.wait_for(compared=1)

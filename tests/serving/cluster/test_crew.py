"""A real crew, whose supervisors find no registry and say so to a controller that writes it down."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.core.deploying.endpoints import RequestSettings
from registry.core.imaging.signatures import Trust
from serving.cluster.crew_process import CrewProcess, Orders
from serving.node.proc import read_stat
from serving.wire.replica import ReplicaSpec
from tests.e2e.town import eventually, has_ended
from tests.serving.edge.local_http import Answering, LocalHttp

pytestmark = pytest.mark.e2e


class Told:
    """A controller: who is there, by the supervisor's name."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.ever: set[str] = set()
        told = self

        class Door(Answering):
            def do_POST(self) -> None:  # noqa: N802
                told.take(json.loads(self.body()))
                self.answer(200, b'{"released": true}')

        self.http = LocalHttp(Door)

    def take(self, report: dict[str, Any]) -> None:
        self.ever.add(report["supervisor"])
        (self.there.discard if report["state"] == "gone" else self.there.add)(report["supervisor"])


@pytest.fixture
def told() -> Iterator[Told]:
    one = Told()
    yield one
    one.http.close()


@pytest.fixture
def orders(told: Told, tmp_path: Path) -> Callable[[int], Orders]:
    (tmp_path / "secret").write_text("s3cret")
    spec = ReplicaSpec(
        endpoint="cancer",
        deployment="blue",
        revision=1,
        backend="cancer.blue.1",
        image_name="cancer",
        image_digest="sha256:" + "0" * 64,
        environment_variables={},
        request_settings=RequestSettings(),
        registry_url="http://127.0.0.1:1",
        controller_url=f"http://{told.http.address}",
        state_dir=str(tmp_path),
        secret_file=str(tmp_path / "secret"),
    )
    return lambda supervisors: Orders(name="c", spec=spec, supervisors=supervisors, trust=Trust())


@pytest.fixture
def lost() -> threading.Event:
    """Return what is set when the crew was lost."""
    return threading.Event()


@pytest.fixture
def crew(lost: threading.Event) -> Iterator[CrewProcess]:
    one = CrewProcess(on_loss=lost.set)
    yield one
    one.stop()


def test_a_crew_has_as_many_supervisors_as_its_last_orders_say(
    crew: CrewProcess, told: Told, orders: Callable[[int], Orders]
) -> None:
    crew.order(orders(3))
    eventually(lambda: told.there == {"c-1", "c-2", "c-3"})
    crew.order(orders(1))
    eventually(lambda: told.there == {"c-1"})
    crew.order(orders(2))
    eventually(lambda: told.there == {"c-1", "c-4"})
    crew.order(orders(0))
    eventually(lambda: told.there == set())


def test_a_killed_supervisor_is_replaced_and_its_siblings_stay(
    crew: CrewProcess, told: Told, orders: Callable[[int], Orders]
) -> None:
    crew.order(orders(2))
    eventually(lambda: told.there == {"c-1", "c-2"})
    os.kill(min(children(crew.pid)), signal.SIGKILL)
    eventually(lambda: "c-3" in told.there)
    assert len(children(crew.pid)) == 2


def test_a_stopped_crew_returns_when_its_supervisors_are_gone(
    crew: CrewProcess, lost: threading.Event, told: Told, orders: Callable[[int], Orders]
) -> None:
    crew.order(orders(3))
    eventually(lambda: len(told.there) == 3)
    crew.stop()
    assert told.there == set()
    assert not lost.is_set()


def test_supervisors_of_a_killed_crew_drain_and_its_loss_is_told(
    crew: CrewProcess, lost: threading.Event, told: Told, orders: Callable[[int], Orders]
) -> None:
    crew.order(orders(3))
    eventually(lambda: len(told.there) == 3)
    supervisors = children(crew.pid)
    os.kill(crew.pid, signal.SIGKILL)
    eventually(lambda: told.there == set())  # each has said that it goes
    eventually(lambda: all(has_ended(pid) for pid in supervisors))
    assert lost.wait(5.0)


def test_a_supervisor_inherits_nothing_of_its_siblings(
    crew: CrewProcess, told: Told, orders: Callable[[int], Orders]
) -> None:
    crew.order(orders(2))
    eventually(lambda: len(told.there) == 2)
    first, second = sorted(children(crew.pid))
    assert not pipes(first) & pipes(second) - pipes(os.getpid())


def children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (state := read_stat(pid)) is not None and state.parent == parent]


def pipes(pid: int) -> set[str]:
    """Return the pipes that a process holds."""
    links = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.add(str(entry.readlink()))
    return {link for link in links if link.startswith("pipe:")}

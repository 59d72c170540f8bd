import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from serving.embedded.memory import crews_among, memory_by_owner, memory_bytes

# A process with a child in its session and one in a session of its own; it prints their pids.
FAMILY = (
    "import subprocess, sys, time;"
    "sleep = [sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'];"
    "children = [subprocess.Popen(sleep, stdout=subprocess.PIPE, start_new_session=new) for new in (False, True)];"
    "[child.stdout.readline() for child in children];"
    "print(*(child.pid for child in children), flush=True); time.sleep(60)"
)


@pytest.fixture
def family() -> Iterator[tuple[int, int, int]]:
    parent = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert parent.stdout is not None
    one, other = map(int, parent.stdout.readline().split())
    yield parent.pid, one, other
    for pid in (one, other, parent.pid):
        os.kill(pid, 9)
    parent.communicate()


def near(memory: int, *pids: int) -> bool:
    """Say whether ``memory`` is what the processes take; shared pages move a little between readings."""
    return abs(memory - sum(map(memory_bytes, pids))) < 1_000_000


def test_a_process_is_shown_with_what_it_started(family: tuple[int, int, int]) -> None:
    parent, _, _ = family
    memory = memory_by_owner(family, {parent: "registry"})
    assert memory.keys() == {"registry"}
    assert near(memory["registry"], *family)


def test_a_descendant_with_a_name_of_its_own_is_counted_once(family: tuple[int, int, int]) -> None:
    parent, one, other = family
    memory = memory_by_owner(family, {parent: "ray", other: "replica"})
    assert near(memory["ray"], parent, one)
    assert near(memory["replica"], other)
    assert near(memory.total(), *family)


def test_an_orphan_belongs_to_its_session_or_to_nobody(family: tuple[int, int, int]) -> None:
    parent, one, other = family
    memory = memory_by_owner([one, other], {parent: "ray"})  # as if their parent had ended
    assert near(memory["ray"], one, other)
    assert near(memory_by_owner([other], {})[""], other)


def test_what_has_ended_takes_nothing() -> None:
    assert memory_by_owner([0, 2**22], {}).total() == 0


def test_a_crew_is_known_by_the_title_that_ray_gives_its_actor() -> None:
    sleep = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"]
    titles = ("ray::ServeReplica:cancer.blue.2:Crew", "ray::ServeController")
    actors = [
        subprocess.Popen([title, *sleep[1:]], executable=sys.executable, stdout=subprocess.PIPE) for title in titles
    ]
    for actor in actors:
        assert actor.stdout is not None
        actor.stdout.readline()
    try:
        assert crews_among([os.getpid(), *(actor.pid for actor in actors)]) == {actors[0].pid: "cancer.blue.2"}
    finally:
        for actor in actors:
            actor.kill()
            actor.communicate()

"""When every edge obeys a change, told to whoever waits for it; the clock is a number."""

import asyncio
from collections.abc import Awaitable, Callable

from registry.core.deploying.desired import Obedience
from serving.controller.agents import AWAY_AFTER_S, Agents
from serving.controller.settling import RETURN_S, Settling


class Clock:
    """Has begun ``RETURN_S`` ago, unless it is set back."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def told(story: Callable[[Settling, Clock], Awaitable[Obedience]]) -> Obedience:
    async def run() -> Obedience:
        clock = Clock()
        settling = Settling(Agents(), clock)
        clock.now_s = RETURN_S
        return await story(settling, clock)

    return asyncio.run(run())


def test_a_change_is_obeyed_when_its_table_is_applied_by_every_edge() -> None:
    async def story(settling: Settling, clock: Clock) -> Obedience:
        for agent in ("one", "other"):
            await settling.acknowledge(agent, 4)
        await settling.routed(7, 4)
        waiting = asyncio.create_task(settling.obeyed(8, 10.0))
        await asyncio.sleep(0)
        await settling.routed(8, 5)
        await settling.acknowledge("one", 5)
        assert (await settling.obeyed(8, 0.0)).behind == ["other"]
        assert not waiting.done()
        await settling.acknowledge("other", 5)
        return await waiting

    assert told(story) == Obedience(by_all=True, edges=["one", "other"], behind=[])


def test_a_change_that_changes_no_route_is_obeyed_at_once() -> None:
    async def story(settling: Settling, clock: Clock) -> Obedience:
        await settling.acknowledge("one", 4)
        await settling.routed(8, 4)
        return await settling.obeyed(8, 0.0)

    assert told(story).by_all


def test_what_is_not_routed_yet_is_obeyed_by_nobody() -> None:
    async def story(settling: Settling, clock: Clock) -> Obedience:
        await settling.acknowledge("one", 4)
        await settling.routed(7, 4)
        return await settling.obeyed(8, 0.0)

    assert told(story) == Obedience(by_all=False, edges=["one"], behind=["one"])


def test_an_edge_that_went_away_long_ago_holds_up_nobody() -> None:
    async def story(settling: Settling, clock: Clock) -> Obedience:
        await settling.acknowledge("gone", 4)
        clock.now_s += AWAY_AFTER_S + 1
        await settling.acknowledge("one", 5)
        await settling.routed(8, 5)
        return await settling.obeyed(8, 0.0)

    assert told(story) == Obedience(by_all=True, edges=["one"], behind=[])


def test_a_controller_that_has_just_begun_waits_for_the_edges_to_come_back() -> None:
    async def story(settling: Settling, clock: Clock) -> Obedience:
        clock.now_s = RETURN_S / 2
        await settling.routed(8, 5)
        assert not (await settling.obeyed(8, 0.0)).by_all
        waiting = asyncio.create_task(settling.obeyed(8, 10.0))
        await asyncio.sleep(0)
        await settling.acknowledge("one", 4)
        clock.now_s = RETURN_S
        await settling.acknowledge("one", 5)
        return await waiting

    assert told(story) == Obedience(by_all=True, edges=["one"], behind=[])

"""Tells when every edge obeys a change: its table is published, and each agent that is present has applied it."""

import asyncio
import contextlib
from collections.abc import Callable

from registry.core.deploying.desired import Obedience
from serving.controller.agents import Agents

# After the controller's start: an agent asks again half a second after it has lost the controller before, and until it
# has, nobody can say that there is none.
RETURN_S = 2.0


class Settling:
    """Let callers wait for edges. ``agents`` is what the agents have said; the clock is monotonic, in seconds."""

    def __init__(self, agents: Agents, monotonic_s: Callable[[], float]) -> None:
        self._agents = agents
        self._now_s = monotonic_s
        self._began_s = monotonic_s()
        self._version = self._generation = -1
        self._changed = asyncio.Condition()

    async def routed(self, version: int, generation: int) -> None:
        """Note that the routing table of ``generation`` says what version ``version`` of the desired state wants."""
        if (version, generation) != (self._version, self._generation):
            self._version, self._generation = version, generation
            await self._notify()

    async def acknowledge(self, agent: str, generation: int) -> None:
        """Record that ``agent`` runs with the table of ``generation``."""
        self._agents.acknowledge(agent, generation, self._now_s())
        await self._notify()

    async def obeyed(self, version: int, wait_s: float) -> Obedience:
        """Return once every edge obeys ``version`` or a later one, or as it is when the wait is over."""
        end_s = self._now_s() + wait_s
        async with self._changed:
            while not (answer := self._state(version)).by_all and (left_s := end_s - self._now_s()) > 0:
                returning_s = self._began_s + RETURN_S - self._now_s()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._changed.wait(), min(left_s, returning_s) if returning_s > 0 else left_s
                    )
            return answer

    def _state(self, version: int) -> Obedience:
        edges = self._agents.generations(self._now_s())
        routed = self._version >= version
        behind = [agent for agent, generation in edges.items() if not routed or generation < self._generation]
        known = self._now_s() - self._began_s >= RETURN_S
        return Obedience(by_all=routed and known and not behind, edges=list(edges), behind=behind)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

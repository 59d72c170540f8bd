"""Whether a scoring process still answers, and what it holds: asked every heartbeat, by HTTP as an edge would."""

import asyncio
from collections.abc import Callable

import httpx
import msgspec

from serving.wire.replica import HEARTBEAT_S, Load

ASK_S = 2.0  # an answer that takes longer is none
SILENCE_SLACK_S = 10.0  # over the longest request: a script may hold the interpreter as long as that

Figures = Callable[[Load], None]


class Pulse:
    """Ask one scoring process for its status. ``silent_s`` is for how long it was asked and did not answer.

    ``memory_bytes`` is what its image says it may hold. Only time spent asking counts: a supervisor that was itself
    stopped for a minute learns nothing from that.
    """

    def __init__(self, http: httpx.AsyncClient, address: str, memory_bytes: int | None) -> None:
        self._http = http
        self._memory_bytes = memory_bytes
        self._url = f"http://{address}/-/status"
        self.silent_s = 0.0

    async def stopped(self, most_s: float, figures: Figures) -> str:
        """Give its load to ``figures`` at every answer; return why it should end.

        That is ``most_s`` of silence, or more memory than it may hold.
        """
        while self.silent_s < most_s:
            await asyncio.sleep(HEARTBEAT_S)
            held_bytes = await self._ask(figures)
            if held_bytes is None:
                continue
            self.silent_s = 0.0
            if self._memory_bytes is not None and held_bytes > self._memory_bytes:
                return f"held {held_bytes:,} bytes where its image allows {self._memory_bytes:,}"
        return f"did not answer for {most_s:g} s"

    async def _ask(self, figures: Figures) -> int | None:
        """Return its resident bytes; None if it did not answer."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(ASK_S):
                answer = await self._http.get(self._url)
        except (httpx.HTTPError, TimeoutError):
            self.silent_s += HEARTBEAT_S + min(loop.time() - began, ASK_S)
            return None
        try:
            load = msgspec.json.decode(answer.content, type=Load)
        except msgspec.MsgspecError:
            return 0  # it answers, if not with what we know: a later version may
        figures(load)
        return load.rss_bytes

"""Whether a scoring process still answers, and its load: asked every heartbeat, by HTTP as an edge would."""

import asyncio
from collections.abc import Callable

import httpx

from serving.wire.replica import HEARTBEAT_S

ASK_S = 2.0  # an answer that takes longer is none
SILENCE_SLACK_S = 10.0  # over the longest request: a script may hold the interpreter as long as that

Figures = Callable[[int, int], None]


class Pulse:
    """Ask one scoring process for its status. ``silent_s`` is for how long it was asked and did not answer.

    Only time spent asking counts: a supervisor that was itself stopped for a minute learns nothing from that.
    """

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self._url = f"http://{address}/-/status"
        self.silent_s = 0.0

    async def stopped(self, most_s: float, figures: Figures) -> None:
        """Give requests in flight and resident bytes to ``figures`` at every answer; return after ``most_s`` silent."""
        while self.silent_s < most_s:
            await asyncio.sleep(HEARTBEAT_S)
            if await self._ask(figures):
                self.silent_s = 0.0

    async def _ask(self, figures: Figures) -> bool:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(ASK_S):
                answer = await self._http.get(self._url)
        except (httpx.HTTPError, TimeoutError):
            self.silent_s += HEARTBEAT_S + min(loop.time() - began, ASK_S)
            return False
        try:
            status = answer.json()
            figures(int(status["in_flight"]), int(status["rss_bytes"]))
        except (ValueError, KeyError, TypeError):
            pass  # it answers, if not with what we know: a later version may
        return True

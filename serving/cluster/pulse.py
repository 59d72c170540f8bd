"""Whether a scoring process still answers: asked every heartbeat by HTTP, each time on a new connection."""

import asyncio
from collections.abc import Callable

import httpx
import msgspec

from serving.wire.replica import HEARTBEAT_S, Load

SILENCE_SLACK_S = 10.0  # over the longest request: a script may hold the interpreter as long as that
_ANEW = {"connection": "close"}  # a script may have closed the socket that listens, and an old one would not show it

Figures = Callable[[Load], None]


class Pulse:
    """Ask one scoring process for its status. ``silent_s`` is for how long it was asked and did not answer.

    An answer that takes longer than ``ask_s`` is none. Only time spent asking counts: a supervisor that was itself
    stopped for a minute learns nothing from that.
    """

    def __init__(self, http: httpx.AsyncClient, address: str, ask_s: float) -> None:
        self._http = http
        self._ask_s = ask_s
        self._url = f"http://{address}/-/status"
        self.silent_s = 0.0

    async def stopped(self, most_s: float, figures: Figures) -> str:
        """Give its load to ``figures`` at every answer; return after that much silence, and say so."""
        while self.silent_s < most_s:
            await asyncio.sleep(HEARTBEAT_S)
            if await self._ask(figures):
                self.silent_s = 0.0
        return f"did not answer for {most_s:g} s"

    async def _ask(self, figures: Figures) -> bool:
        """Say whether it answered."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._ask_s):
                answer = await self._http.get(self._url, headers=_ANEW, timeout=self._ask_s)
        except (httpx.HTTPError, TimeoutError):
            self.silent_s += HEARTBEAT_S + min(loop.time() - began, self._ask_s)
            return False
        try:
            figures(msgspec.json.decode(answer.content, type=Load))
        except msgspec.MsgspecError:
            return True  # if not with what we know: a later version may
        return True

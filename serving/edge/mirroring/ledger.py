"""What became of copies, as lines for telemetry: one for each that was compared, the others counted by the second."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from serving.wire.comparison import Comparison, Outcome

EVERY_S = 1.0


class Ledger:
    """``put`` takes lines, and waits while it has no room; ``boot`` names this life; ``now_ms`` is Unix time."""

    def __init__(self, put: Callable[[bytes], Awaitable[object]], boot: str, now_ms: Callable[[], int]) -> None:
        self._put = put
        self._boot = boot
        self._now_ms = now_ms
        self._number = 0
        self._counts: Counter[tuple[str, str, Outcome]] = Counter()

    async def compared(self, one: Comparison) -> None:
        """Write down a comparison; its name and its time are given here."""
        await self._write(one)

    def count(self, primary: str, target: str, outcome: Outcome, copies: int = 1) -> None:
        """Count copies that were not compared."""
        self._counts[primary, target, outcome] += copies

    async def run(self) -> None:
        """Write down what was counted, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        counts, self._counts = self._counts, Counter()
        for (primary, target, outcome), copies in sorted(counts.items()):
            await self._write(blank(primary, target, outcome, copies))

    async def _write(self, one: Comparison) -> None:
        self._number += 1
        named = msgspec.structs.replace(one, boot=self._boot, number=self._number, timestamp_ms=self._now_ms())
        await self._put(msgspec.json.encode(named) + b"\n")


def blank(primary: str, target: str, outcome: Outcome, copies: int = 1) -> Comparison:
    """Return a line that only says how so many copies ended."""
    endpoint = primary.partition(".")[0]
    return Comparison(
        boot="",
        number=0,
        timestamp_ms=0,
        endpoint=endpoint,
        primary=primary,
        target=target,
        outcome=outcome,
        count=copies,
    )

"""Forwards lines from ring files: what a HAProxy or an agent that was killed could not hand on."""

import logging
from collections.abc import Callable
from pathlib import Path

from serving.edge.log_receiver import LogReceiver, tidy
from serving.edge.outbox import Outbox
from serving.edge.ring_file import lines_in

log = logging.getLogger("slipway.edge")


class Salvage:
    """``ring`` gives the ring file of a boot id. Lines sent twice are stored once, by telemetry."""

    def __init__(self, ring: Callable[[str], Path], receiver: LogReceiver, outbox: Outbox) -> None:
        self._ring = ring
        self._receiver = receiver
        self._outbox = outbox

    async def recover(self, boot: str) -> None:
        """Forward what a HAProxy that has ended wrote and nobody received; return when it is durable."""
        await self._receiver.all_received(boot)
        lines = tidy(lines_in(self._ring(boot), self._receiver.last.pop(boot.encode(), b"")))
        if lines:
            log.info("%d lines of HAProxy %s recovered from its ring", lines.count(b"\n"), boot)
        await self._outbox.sent(await self._outbox.put(lines))

    async def reread(self, boot: str) -> None:
        """Forward all that the ring of a running HAProxy still holds: the agent before may have died with it."""
        await self._outbox.put(tidy(lines_in(self._ring(boot))))

"""Tickets without a request behind them."""

import asyncio
from typing import Any

from serving.scoring.engine.tickets import AnyTicket, Ticket
from serving.scoring.runtimes.base import KEY_HEADER, Call


def ticket(name: str, part: Any = None, key: bytes = b"") -> AnyTicket:
    """Make a ticket for nobody, whose key is the first letter of its name unless it is given."""

    async def make() -> AnyTicket:
        return Ticket(lambda: name, Call(name, {KEY_HEADER: key or name[:1].encode()}, 0.0, 0), part)

    return asyncio.run(make())

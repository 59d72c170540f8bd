"""HAProxy's admin socket: one command, one answer."""

import asyncio
from pathlib import Path

from serving.edge.errors import AdminSocketAway, CommandRefused

ANSWER_S = 5.0


class Runtime:
    """Commands to a running HAProxy. Every value in them has matched a pattern of ``names``."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def ask(self, command: str) -> str:
        """Send one command and return the answer.

        Raises:
            AdminSocketAway: nobody listens, or no answer came in time.
        """
        if "\n" in command or ";" in command:
            raise ValueError("one command at a time")
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
            try:
                writer.write(command.encode() + b"\n")
                await writer.drain()
                return (await asyncio.wait_for(reader.read(), ANSWER_S)).decode().strip()
            finally:
                writer.close()
        except OSError as error:  # TimeoutError is one
            raise AdminSocketAway(f"HAProxy's admin socket does not answer: {error!r}") from error

    async def do(self, command: str, accepted: tuple[str, ...] = ("",)) -> None:
        """Send one command whose answer must be one of ``accepted``.

        Raises:
            CommandRefused: it was not.
            AdminSocketAway: nobody listens, or no answer came in time.
        """
        answer = await self.ask(command)
        if answer not in accepted:
            raise CommandRefused(command, answer)

    async def pid(self) -> int:
        """Return the pid of the process that answers. Raises AdminSocketAway when none does."""
        for line in (await self.ask("show info")).splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
        raise AdminSocketAway("HAProxy does not say its pid")

"""Client of HAProxy's admin socket: one command, one answer, errors typed."""

import asyncio
import re
from pathlib import Path

from serving.edge.errors import AdminSocketAway, CommandRefused, UnsafeValue

ANSWER_S = 5.0

_COMMAND = re.compile(r"[ -:<-~]{1,4096}")  # printable ASCII but for ';', which would end the command
_DONE = ("", "New server registered.", "Server deleted.")


class Runtime:
    """One HAProxy process, by its own admin socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def ask(self, command: str) -> str:
        """Return HAProxy's answer.

        Raises:
            UnsafeValue: the text is not one command.
            AdminSocketAway: no answer.
        """
        if _COMMAND.fullmatch(command) is None:
            raise UnsafeValue("command", command)
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(str(self.socket))
                try:
                    writer.write(command.encode() + b"\n")
                    return (await reader.read()).decode(errors="replace").strip()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise AdminSocketAway(f"HAProxy does not answer at {self.socket}: {error!r}") from error

    async def do(self, command: str) -> None:
        """Carry out a command that changes something.

        Raises:
            CommandRefused: HAProxy did not do it.
        """
        answer = await self.ask(command)
        if answer not in _DONE:
            raise CommandRefused(command, answer)

    async def pid(self) -> int:
        """Return the pid of the process that answers."""
        for line in (await self.ask("show info")).splitlines():
            if line.startswith("Pid:"):
                return int(line[4:])
        raise AdminSocketAway(f"{self.socket} gave no pid")

    async def requests_on(self, server: str) -> int:
        """Return how many requests ``backend/server`` has now; 0 for one that does not exist.

        Raises:
            AdminSocketAway: no answer.
        """
        lines = (await self.ask(f"show servers conn {server.partition('/')[0]}")).splitlines()
        columns = next((line.lstrip("# ").split() for line in lines if line.startswith("#")), [])
        for line in lines:
            fields = line.split()
            if fields and fields[0] == server:
                return int(fields[columns.index("used_cur")])
        return 0

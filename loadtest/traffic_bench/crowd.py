"""Many users over a few keep-alive connections, each asked for once, and who answered each of them."""

import asyncio
from collections.abc import Sequence

from loadtest.bench.client import Request, content_length
from loadtest.bench.subject import NotReady

CONNECTIONS = 16
ANSWERED_BY = b"\r\nazureml-model-deployment: "
WITHIN_S = 30.0


class Unanswered(NotReady):
    """A request had another status than 200."""


def ask_all(request: Request, header: str, users: Sequence[str]) -> dict[str, str]:
    """Send the request once for each user, whose name stands in ``header``; return who answered whom.

    Raises:
        Unanswered: one got another status than 200.
        OSError: a connection broke.
    """
    return asyncio.run(_ask_all(request, header, users))


async def _ask_all(request: Request, header: str, users: Sequence[str]) -> dict[str, str]:
    parts = [users[start::CONNECTIONS] for start in range(CONNECTIONS)]
    answers = await asyncio.gather(*(_ask_some(request, header, part) for part in parts if part))
    return {user: deployment for some in answers for user, deployment in some.items()}


async def _ask_some(request: Request, header: str, users: Sequence[str]) -> dict[str, str]:
    head, _, tail = request.encode().partition(b"\r\n")
    reader, writer = await asyncio.open_connection(request.host, request.port)
    try:
        answers = {}
        for user in users:
            writer.write(b"%s\r\n%s: %s\r\n%s" % (head, header.encode(), user.encode(), tail))
            answers[user] = await asyncio.wait_for(_answered_by(reader), WITHIN_S)
        return answers
    finally:
        writer.close()


async def _answered_by(reader: asyncio.StreamReader) -> str:
    answer = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(content_length(answer[:-2]))
    if answer[9:12] != b"200":
        raise Unanswered(answer[:300].decode("latin-1"))
    return answer.partition(ANSWERED_BY)[2].partition(b"\r\n")[0].decode()

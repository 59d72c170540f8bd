"""``python -m serving.node.rehearse``: run a new image and record how its samples are answered. The registry starts it.

The order comes on stdin, news go to stdout. At the end of stdin it ends with whoever started it, and its scoring
process with it.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec

from registry.core.deploying.endpoints import RequestSettings
from registry.core.deploying.workers import automatic_workers
from registry.core.errors import SlipwayError
from registry.core.imaging.images import ImageConfig
from registry.core.imaging.samples import Answer, GoldenAnswers, RehearsalNews, RehearsalOrder
from serving.node.errors import NodeError
from serving.node.files import Files
from serving.node.keeping.room import BOUND_VARIABLE, open_room
from serving.node.prepare import make_present
from serving.node.running.launch import Launch, read_description
from serving.node.running.process import ScoringProcess
from serving.node.running.samples import Asker, compare
from serving.scoring.lifeline import die_with_parent, exit_when_stdin_ends

READY_WITHIN_S = 120.0  # as replicas have
ANSWER_WITHIN_MS = 60_000
_REMEDY = "set a tolerance for it in sample_requests, seed what is random, or drop the sample"


def rehearse(order: RehearsalOrder, report: Callable[[str], None]) -> GoldenAnswers:
    """Make the image present, and return the answers to its samples, which a second process gives too.

    Raises:
        NodeError: it cannot be done, or a sample is not answered, or not twice the same.
    """
    room = open_room(Path(order.node), os.environ.get(BOUND_VARIABLE))
    files = Files([Path(folder) for folder in order.folders])
    prepared = make_present(files, order.name, order.digest, room, lambda line: None, report)
    config = read_description(prepared.image)
    launch = Launch(
        python=prepared.python,
        image=prepared.image,
        serve_as=config.models[0].name,
        backend="rehearsal",
        request_settings=RequestSettings(request_timeout_ms=ANSWER_WITHIN_MS),
        workers=automatic_workers(config),  # with as many threads as a replica's
        secret=secrets.token_urlsafe(),  # its port is nobody else's
        holds=prepared.holds,
    )
    return asyncio.run(_rehearse(launch, config, report))


async def _rehearse(launch: Launch, config: ImageConfig, report: Callable[[str], None]) -> GoldenAnswers:
    try:
        async with asyncio.TaskGroup() as group:
            one = group.create_task(_answers(launch, config, times=2))
            other = group.create_task(_answers(launch, config, times=1))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    (first, again), (elsewhere,) = one.result(), other.result()
    compare(config, first, again, f"answered differently the second time ({_REMEDY})")
    compare(config, first, elsewhere, f"answered differently by a second process ({_REMEDY})")
    report(f"each sample was answered alike three times, by two processes: {len(first)} in all")
    return GoldenAnswers(answers=first)


async def _answers(launch: Launch, config: ImageConfig, times: int) -> list[list[Answer]]:
    """Let one scoring process answer all samples so many times."""
    with tempfile.TemporaryFile() as log:  # without a name, so that a killed rehearsal leaves none
        process = ScoringProcess.start(launch, Path(f"/proc/self/fd/{log.fileno()}"))
        try:
            announcement = await process.ready(READY_WITHIN_S)
            async with httpx.AsyncClient(trust_env=False) as http:
                asker = Asker(launch, process, f"{launch.host}:{announcement.http_port}", http)
                return [await asker.ask(config) for _ in range(times)]
        finally:
            process.kill()
            await process.wait()


def main() -> None:
    die_with_parent()
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=RehearsalOrder)
    exit_when_stdin_ends()
    try:
        _tell(RehearsalNews(golden=rehearse(order, lambda line: _tell(RehearsalNews(line=line)))))
    except (NodeError, SlipwayError) as error:
        _tell(RehearsalNews(error=error.message))


def _tell(news: RehearsalNews) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(news) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

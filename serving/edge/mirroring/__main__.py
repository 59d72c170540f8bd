"""Wiring of the mirror process: arguments, socket, lanes, telemetry; its end when its agent ends."""

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from pathlib import Path

import uvloop

from serving.edge.mirroring.grpc_copies import CopyChannel
from serving.edge.mirroring.intake import Intake
from serving.edge.mirroring.lane import AT_ONCE, Lane
from serving.edge.mirroring.ledger import Ledger
from serving.edge.mirroring.sender import Sender
from serving.edge.outbox import Outbox

NICE = 10  # whoever answers somebody goes first
DRAIN_S = 3.0
COMPARISONS = "/v1/comparisons"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m serving.edge.mirroring", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="where scoring processes hand over")
    parser.add_argument("--copies", type=Path, required=True, help="the edge's socket for copies")
    parser.add_argument("--copies-grpc", type=Path, required=True)
    parser.add_argument("--telemetry", required=True, help="URL of the telemetry process")
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    os.nice(NICE)
    uvloop.run(run(options))


async def run(options: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(sys.stdin, stop.set)  # the agent writes nothing there: it has ended
    outbox = Outbox(options.telemetry, COMPARISONS)
    ledger = Ledger(outbox.put, secrets.token_hex(6), lambda: round(time.time() * 1000))
    channel = CopyChannel(options.copies_grpc)

    def lane_of(endpoint: str, deployment: str) -> Lane:
        senders = [Sender(deployment, options.copies, channel, time.monotonic).send for _ in range(AT_ONCE)]
        return Lane(f"{endpoint}.{deployment}", senders, ledger)

    intake = Intake(options.socket, lane_of)
    await intake.start()
    beside = [asyncio.create_task(outbox.run()), asyncio.create_task(ledger.run())]
    await stop.wait()
    loop.remove_reader(sys.stdin)
    intake.stop()
    deadline = loop.time() + DRAIN_S
    while loop.time() < deadline and not all(lane.idle for lane in intake.lanes.values()):  # noqa: ASYNC110 - the end
        await asyncio.sleep(0.05)
    for lane in intake.lanes.values():
        await lane.close()
    try:
        async with asyncio.timeout(DRAIN_S):
            await ledger.flush()
            await outbox.sent(await outbox.put(b""))
    except TimeoutError:
        logging.getLogger("slipway.mirror").warning("telemetry is away: the last comparisons are lost")
    for task in beside:
        task.cancel()
    await channel.close()


if __name__ == "__main__":
    main()

"""A crew: one process of one thread that has everything imported, and forks a supervisor for each worker of its
replicas. Workers are alike and share nothing, so which of them belong together is nobody's concern.

Orders come as lines on stdin. Each supervisor has a lifeline, a pipe whose other end only the crew holds: when that is
closed, since it is one too many, or stdin has ended, or the crew was killed, it drains its worker.
"""

import gc
import logging
import os
import selectors
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from serving.cluster.crew_process import Orders
from serving.cluster.supervision import Supervision
from serving.node.keeping.room import BOUND_VARIABLE

log = logging.getLogger("slipway.crew")

RESTART_PAUSE_S = 2.0  # after one that ended before it had lived for CALM_S
CALM_S = 10.0
_READ_BYTES = 1 << 16

Fork = Callable[[Orders, str], tuple[int, int]]


@dataclass(slots=True)
class _Supervisor:
    """One that runs; ``lifeline`` is None once it was let go."""

    pid: int
    pidfd: int
    lifeline: int | None
    began_s: float

    def let_go(self) -> None:
        """Have it drain its replica and end."""
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None


class Crew:
    """As many supervisors as ordered. ``fork`` starts one under a name and returns its pid and lifeline."""

    def __init__(self, orders: int, fork: Fork, monotonic_s: Callable[[], float]) -> None:
        self._fork = fork
        self._now_s = monotonic_s
        self._stdin = orders
        self._orders: Orders | None = None
        self._text = b""
        self._supervisors: dict[int, _Supervisor] = {}  # by pid, the longest there first
        self._started = 0
        self._not_before_s = 0.0
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ, self._read)

    def run(self) -> None:
        """Follow the orders until there are none any more and every supervisor has ended."""
        while not self._ending or self._supervisors:
            self._adjust()
            for key, _ in self._selector.select(self._pause_s()):
                key.data()

    def forsake(self) -> None:
        """Close what a supervisor must not have: in it, after the fork."""
        for sibling in self._supervisors.values():
            os.close(sibling.pidfd)
            sibling.let_go()
        self._selector.close()

    def _read(self) -> None:
        chunk = os.read(self._stdin, _READ_BYTES)
        if not chunk:
            self._ending = True
            self._selector.unregister(self._stdin)
            return
        *lines, self._text = (self._text + chunk).split(b"\n")
        for line in lines:
            self._orders = msgspec.json.decode(line, type=Orders)

    def _adjust(self) -> None:
        """Start what is missing, the first first, and tell to end what is too many, the last first."""
        wanted = 0 if self._ending or self._orders is None else self._orders.supervisors
        staying = [one for one in self._supervisors.values() if one.lifeline is not None]
        for surplus in staying[wanted:]:
            surplus.let_go()
        if self._orders is not None and self._now_s() >= self._not_before_s:
            for _ in range(wanted - len(staying)):
                try:
                    self._start(self._orders)
                except OSError as error:
                    log.error("cannot start a supervisor: %s", error.strerror)
                    self._not_before_s = self._now_s() + RESTART_PAUSE_S
                    break

    def _start(self, orders: Orders) -> None:
        self._started += 1
        pid, lifeline = self._fork(orders, f"{orders.name}-{self._started}")
        supervisor = _Supervisor(pid, os.pidfd_open(pid), lifeline, self._now_s())
        self._supervisors[pid] = supervisor
        self._selector.register(supervisor.pidfd, selectors.EVENT_READ, lambda: self._bury(supervisor))

    def _bury(self, supervisor: _Supervisor) -> None:
        self._selector.unregister(supervisor.pidfd)
        os.close(supervisor.pidfd)
        del self._supervisors[supervisor.pid]
        _, status = os.waitpid(supervisor.pid, 0)
        if supervisor.lifeline is None:
            return
        supervisor.let_go()
        log.warning("a supervisor ended with status %d: another is started", os.waitstatus_to_exitcode(status))
        now_s = self._now_s()
        if now_s - supervisor.began_s < CALM_S:
            self._not_before_s = now_s + RESTART_PAUSE_S

    def _pause_s(self) -> float | None:
        left_s = self._not_before_s - self._now_s()
        return left_s if left_s > 0 else None


def main() -> None:
    """Be a crew until stdin ends."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)

    def fork(orders: Orders, name: str) -> tuple[int, int]:
        reader, writer = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(writer)
            os.close(reader)
            raise
        if pid == 0:
            os.close(writer)
            crew.forsake()
            _supervise(orders, name, reader)
        os.close(reader)
        return pid, writer

    crew = Crew(0, fork, time.monotonic)
    gc.collect()
    gc.freeze()  # what is imported stays in pages that all supervisors share
    crew.run()


def _supervise(orders: Orders, name: str, lifeline: int) -> NoReturn:
    """Be a supervisor, in a process that was forked for it."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        Supervision(orders.spec, name, os.environ.get(BOUND_VARIABLE), orders.trust).run(lifeline)
        code = 0
    except BaseException:
        log.exception("supervision of %s ended by an error", orders.spec.backend)
    finally:
        os._exit(code)  # unwinds nothing of the crew's, and waits for no thread that still downloads


if __name__ == "__main__":
    main()

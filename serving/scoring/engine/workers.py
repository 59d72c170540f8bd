"""The model's threads: they load it, and then take from the line whatever comes. Nothing else runs on them."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any, Callable, List, TypeVar

from .line import Line
from .patience import Patience
from .tickets import AnyTicket

T = TypeVar("T")

_log = logging.getLogger("slipway.scoring")


class Workers:
    """``count`` threads. ``perform`` does the work of tickets that were taken together, and raises nothing.

    ``together`` is how many those may be; if several, a thread may wait for those whom it has just answered.
    """

    def __init__(self, count: int = 1, patience: Callable[[], Patience] = Patience) -> None:
        self.count = 0
        self._patience = patience
        self.together = 1
        self.line = Line()
        self.perform: Callable[[List[AnyTicket]], None]
        self.grow(count)

    def grow(self, count: int) -> None:
        """Have at least so many threads."""
        while self.count < count:
            threading.Thread(target=self._work, name=f"model_{self.count}", daemon=True).start()
            self.count += 1

    def load(self, make: Callable[..., T], *arguments: Any) -> T:
        """Make the model on one of the threads, and wait for it. Raises what ``make`` raises."""
        made: Future[T] = Future()
        self.line.put_errand(partial(_fulfil, made, partial(make, *arguments)))
        return made.result()

    def close(self) -> None:
        """Let the threads end once nothing waits for them."""
        self.line.close()

    def _work(self) -> None:
        patience = self._patience()
        while True:
            errand, tickets = self.line.take()
            if errand is not None:
                try:
                    errand()
                except BaseException:  # a thread that ended would be missing
                    _log.exception("unexpected error on a thread of the model's")
                errand = None  # or it would be kept, with its request, until there is more to do
            elif tickets:
                left, began = self.line.left, time.monotonic()
                self.perform(tickets)
                patience.ran(len(tickets), time.monotonic() - began)
                answered, tickets = len(tickets), []
                if not left and answered > 1:  # nobody for one that may ask alone, or where more wait than run together
                    self._gather(patience, answered)
            else:
                return

    def _gather(self, patience: Patience, answered: int) -> None:
        """Let those who have their answers ask again, as long as they keep coming."""
        waiting = len(self.line)
        hoped = min(waiting + answered, self.together)
        wait_s = patience.wait_s(answered, hoped) if hoped > waiting else 0.0
        if not wait_s:
            return
        until = time.monotonic() + wait_s
        while waiting < hoped and time.monotonic() < until:
            before, waiting = waiting, self.line.gather(hoped, wait_s / 4)
            if waiting == before:
                break
        patience.waited(answered, hoped - waiting)


def _fulfil(made: Future[T], make: Callable[[], T]) -> None:
    try:
        made.set_result(make())
    except BaseException as error:
        made.set_exception(error)

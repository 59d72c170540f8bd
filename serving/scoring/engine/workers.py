"""The model's threads: they load it, and then take from the line whatever comes. Nothing else runs on them."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from functools import partial
from typing import Any, Callable, List, TypeVar

from .line import Line
from .tickets import AnyTicket

T = TypeVar("T")

_log = logging.getLogger("slipway.scoring")


class Workers:
    """``count`` threads. ``perform`` does the work of tickets that were taken together, and raises nothing."""

    def __init__(self, count: int = 1) -> None:
        self.count = 0
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
        while True:
            errand, tickets = self.line.take()
            if errand is not None:
                try:
                    errand()
                except BaseException:  # a thread that ended would be missing
                    _log.exception("unexpected error on a thread of the model's")
                errand = None  # or it would be kept, with its request, until there is more to do
            elif tickets:
                self.perform(tickets)
                tickets = []
            else:
                return


def _fulfil(made: Future[T], make: Callable[[], T]) -> None:
    try:
        made.set_result(make())
    except BaseException as error:
        made.set_exception(error)

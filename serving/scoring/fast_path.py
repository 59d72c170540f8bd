"""Run a coroutine without a task as long as it does not wait, and with one from where it does.

A door is an ordinary ``async def``. Most requests are answered without ever waiting, and then a task (some 5 µs) is
waste. So the server takes the first step itself; code that is about to wait first awaits ``leave_fast_path()``, whose
bare yield hands the rest to a task. (Python 3.12's eager tasks do the same; we run on 3.9.)
"""

from __future__ import annotations

import asyncio
import types
from typing import Any, Callable, Coroutine, Generator, TypeVar

A = TypeVar("A")
T = TypeVar("T")


@types.coroutine
def leave_fast_path() -> Generator[None, None, None]:
    """Await this once before anything else is awaited on the way of a request."""
    yield


def run_fast(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T],
    finish: Callable[[A, T], None],
    fail: Callable[[A, BaseException], None],
    about: A,
) -> asyncio.Task[T] | None:
    """Run ``work`` up to its end, or return the task that goes on with it.

    At the end either ``finish`` gets its result or ``fail`` what it raised, after ``about``; neither when that task is
    cancelled.
    """
    try:
        work.send(None)
    except StopIteration as stop:
        finish(about, stop.value)
        return None
    except Exception as error:
        fail(about, error)
        return None
    task = loop.create_task(work)
    task.add_done_callback(lambda done: _hand_over(done, finish, fail, about))
    return task


def _hand_over(
    done: asyncio.Task[T], finish: Callable[[A, T], None], fail: Callable[[A, BaseException], None], about: A
) -> None:
    if done.cancelled():
        return
    error = done.exception()
    if error is None:
        finish(about, done.result())
    else:
        fail(about, error)

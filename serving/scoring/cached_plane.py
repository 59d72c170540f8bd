"""The way to the model past what was answered before: a hit costs no model's time, no thread and no place in the line.

Only whole answers that nobody but the input has shaped are remembered: no errors, no streams, no response that a script
made itself, and nothing of a script that may see more of a request than its body.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any, Awaitable, Callable, Dict, List, Optional, Tuple, TypeVar

from .answers import Answers
from .dataplane import DataPlane
from .engine.answer_cache import AnswerCache, body_key, kept, tensors_key
from .engine.batches import size_of
from .engine.settings import EngineSettings
from .engine.workers import Workers
from .errors import DeadlineExceeded, LoadFailed
from .fast_path import leave_fast_path
from .runtimes.base import Call, HttpRequest, Posted, Runtime, Scripted, ScriptLike
from .runtimes.blame import NO_BLAME, Blame
from .tensors import Tensors

T = TypeVar("T")
Kept = Optional[Tuple[Any, int]]  # what is remembered of an answer and how many bytes it takes; None of it
HIT, MISS = b"hit", b"miss"
LARGE_BYTES = 256 << 10  # hashing more takes longer than others should wait for the event loop


class CachedPlane(DataPlane):
    """A data plane that remembers as much as its settings allow.

    Raises:
        LoadFailed: nothing that the script answers can be remembered.
    """

    def __init__(
        self,
        runtime: Runtime,
        workers: Workers,
        max_concurrent: int,
        timeout_s: float,
        settings: EngineSettings,
        clock: Callable[[], float] = time.monotonic,
        blame: Blame = NO_BLAME,
    ) -> None:
        super().__init__(runtime, workers, max_concurrent, timeout_s, settings, clock, blame)
        if isinstance(runtime, ScriptLike) and runtime.sees_requests:
            raise LoadFailed(
                "response_cache cannot be used with this scoring script: its run() may see headers, by request_headers,"
                " @rawhttp or Flask, which its image imports, so equal bodies may mean different things; remove it"
            )
        self._cache = AnswerCache(settings.cache_max_bytes, settings.cache_ttl_s, clock)
        self._running: Dict[bytes, List[asyncio.Future[Any]]] = {}  # what runs now, and who waits for the same

    async def infer(self, tensors: Tensors, call: Call) -> Tensors:
        size_bytes = size_of(tensors)
        hash_it = partial(tensors_key, tensors, call.parameters)
        run = partial(super().infer, tensors, call)
        return await self._remembered(hash_it, size_bytes, call, run, kept, _as_it_is)

    async def score_script(self, request: HttpRequest, call: Call) -> Tuple[Scripted, Optional[Answers[bytes]]]:
        run = partial(super().score_script, request, call)
        hash_it, size_bytes = partial(_script_key, request), len(request.body)
        return await self._remembered(hash_it, size_bytes, call, run, _kept_whole, lambda body: (Scripted(body), None))

    async def _run_posted(self, posted: Posted, call: Call) -> Scripted:
        run = partial(super()._run_posted, posted, call)
        hash_it, size_bytes = partial(_script_key, posted), len(posted.body)
        return await self._remembered(hash_it, size_bytes, call, run, _kept_result, Scripted)

    async def invoke(self, body: bytes, media_type: str, call: Call) -> bytes:
        run = partial(super().invoke, body, media_type, call)
        hash_it = partial(body_key, b"invoke", media_type.encode(), body)
        return await self._remembered(hash_it, len(body), call, run, _kept_bytes, _as_it_is)

    async def _remembered(
        self,
        hash_it: Callable[[], Optional[bytes]],
        size_bytes: int,
        call: Call,
        run: Callable[[], Awaitable[T]],
        keep: Callable[[T], Kept],
        give: Callable[[Any], T],
    ) -> T:
        """Answer from memory, or run and remember.

        Of equal requests at the same time one runs; where it comes to no answer, each of the others does.
        """
        began = self._clock()
        key = hash_it() if size_bytes < LARGE_BYTES else await self.beside(hash_it, call)
        if key is None:
            return await run()
        answer = self._cache.get(key)
        if answer is None and key in self._running:
            answer = await self._anothers(key, call)
        if answer is not None:
            call.cache = HIT
            self.statistics.cache_hit(self._clock() - began)
            return give(answer)
        call.cache = MISS
        self.statistics.cache_miss(self._clock() - began)
        self._running.setdefault(key, [])
        try:
            result = await run()
            to_keep = keep(result)
            if to_keep is not None:
                answer, size_bytes = to_keep
                self._cache.put(key, answer, size_bytes)
            return result
        finally:
            for waiting in self._running.pop(key, ()):
                if not waiting.done():
                    waiting.set_result(answer)

    async def _anothers(self, key: bytes, call: Call) -> Any:
        """Wait for what an equal request is answered with; None if it is not answered.

        Raises:
            DeadlineExceeded: not within this one's time.
        """
        waiting = asyncio.get_running_loop().create_future()
        self._running[key].append(waiting)
        await leave_fast_path()
        try:
            return await asyncio.wait_for(waiting, call.deadline - self._clock())
        except asyncio.TimeoutError:
            raise DeadlineExceeded(call.timeout_ms) from None


def _script_key(request: HttpRequest) -> bytes:
    """Hash what a script may see of a request: not its path, which only @rawhttp does, and no headers but its type."""
    kind = request.headers.get(b"content-type", b"")
    return body_key(b"script", request.method, request.query, kind, request.body)


def _kept_whole(answered: Tuple[Scripted, Optional[Answers[bytes]]]) -> Kept:
    answer, pieces = answered
    return _kept_result(answer) if pieces is None else None


def _kept_result(answer: Scripted) -> Kept:
    return None if answer.own else _kept_bytes(answer.body)


def _kept_bytes(body: bytes) -> Kept:
    return body, len(body)


def _as_it_is(answer: Any) -> Any:
    return answer

"""The one way to the model: every door comes here. What takes long goes through the engine, the rest runs at once."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from .answers import Answers, DrawnAnswers, OneAnswer
from .engine.averages import moved
from .engine.batching import Batching, Requests, limits_of, together_on
from .engine.beside import Beside
from .engine.engine import Engine
from .engine.settings import EngineSettings
from .engine.tickets import AnyTicket, Ticket
from .engine.watch import Watch
from .engine.workers import Workers
from .errors import DeadlineExceeded, InvalidInput
from .formats.json_arrays import LARGE
from .runtimes.base import (
    Asked,
    BodyLike,
    Call,
    HttpRequest,
    Interruptible,
    Invoked,
    Posted,
    Runtime,
    Scripted,
    ScriptedPieces,
    ScriptLike,
    StreamLike,
    only,
)
from .runtimes.blame import NO_BLAME, WATCHED_AT, Blame
from .statistics import Statistics
from .tensors import Tensors

T = TypeVar("T")
QUICK_S = 0.001  # work expected to be shorter runs on the event loop itself
QUICK_BESIDE_BATCHES_S = 0.00025  # the same, where it could run together with what else waits


class DataPlane:
    """Runs one model on ``workers``, the threads that loaded it, or at once where it is known to be quick.

    At most ``max_concurrent`` requests are in flight; as many more wait for that, each for the
    ``settings``' time at most. ``clock`` is monotonic, in seconds. ``blame`` is the table for what runs at once. One
    event loop's.
    """

    def __init__(
        self,
        runtime: Runtime,
        workers: Workers,
        max_concurrent: int,
        timeout_s: float,
        settings: EngineSettings = EngineSettings(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
        blame: Blame = NO_BLAME,
    ) -> None:
        self.runtime = runtime
        self._script = runtime if isinstance(runtime, ScriptLike) else None
        interrupt = runtime.interrupt if isinstance(runtime, Interruptible) else _leave_it
        self.statistics = Statistics()
        self._watch = Watch(blame)
        self._deaths = self._watch.table
        together = together_on(runtime, settings, self._timed, self._watch)
        self._batching = None if together is None else Batching(together, limits_of(settings, together), clock)
        self._asks_together = isinstance(together, Requests)
        self._quick_s = QUICK_S if together is None else QUICK_BESIDE_BATCHES_S
        max_queue_wait_s = settings.max_queue_wait_ms / 1000
        self.engine = Engine(
            workers, max_concurrent, max_queue_wait_s, clock, interrupt, self._batching, self.statistics.ran
        )
        self._beside = Beside(clock)
        self.timeout_s = timeout_s
        self._executed_inline = 0
        self._clock = clock
        self._expected_s: Dict[int, float] = {}  # by the input's size class
        self._batched = runtime.signature is not None and runtime.signature.batched

    @property
    def in_flight(self) -> int:
        """How many requests wait or are worked on; one that runs at once is not seen among them."""
        return self.engine.admission.in_flight

    @property
    def executed(self) -> int:
        """How many times work was begun."""
        return self._executed_inline + self.engine.executed

    def last_inference_ms(self) -> int:
        """Say when work was last begun that succeeded, in milliseconds since 1970; 0 if none was."""
        began = self.statistics.last_began
        return round((time.time() - (self._clock() - began)) * 1000) if began else 0

    def call(self, request_id: str, headers: Mapping[bytes, bytes], timeout_s: Optional[float] = None) -> Call:
        """Stamp a request: its deadline is the sooner of its own and the process'."""
        allowed_s = self.timeout_s if timeout_s is None else min(timeout_s, self.timeout_s)
        return Call(request_id, headers, self._clock() + allowed_s, round(allowed_s * 1000))

    def shorten(self, call: Call, timeout_s: float) -> None:
        """Give a request so much time from now on, unless it has less."""
        deadline = self._clock() + timeout_s
        if deadline < call.deadline:
            call.deadline, call.timeout_ms = deadline, round(timeout_s * 1000)

    async def beside(self, work: Callable[[], T], call: Call) -> T:
        """Do what takes Python a while and is not the model's on another thread, while others are answered.

        Raises:
            DeadlineExceeded: the request's time is over.
            What ``work`` raises.
        """
        return await self._beside.do(work, call)

    async def at_pace(self, size_bytes: int, work: Callable[[], T], call: Call) -> T:
        """Do what grows with so many bytes of text: at once where they are few, else ``beside``. Raises as that."""
        return work() if size_bytes <= LARGE else await self._beside.do(work, call)

    async def answered(
        self, size_bytes: int, read: Callable[[], Tensors], write: Callable[[Tensors], bytes], call: Call
    ) -> bytes:
        """Run the model on what ``read`` makes of so many bytes, and return what ``write`` makes of its outputs.

        Raises:
            As ``infer``; what ``read`` and ``write`` raise.
        """
        if size_bytes <= LARGE:
            return write(await self.infer(read(), call))
        outputs = await self.infer(await self.beside(read, call), call)
        return await self.beside(partial(write, outputs), call)

    async def infer(self, tensors: Tensors, call: Call) -> Tensors:
        """Run the model on named tensors.

        Raises:
            InvalidInput: they do not fit the signature.
            Overloaded, DeadlineExceeded, ModelFailed, ScriptFailed
        """
        runtime = self.runtime
        if runtime.signature is not None:
            runtime.signature.check(tensors)
        size, items = 0, 1
        for array in tensors.values():
            size += array.size
        if self._batched and tensors:
            items = array.shape[0]
        if runtime.inline and not (self._deaths[WATCHED_AT] and self._watch.is_kept()):
            size_class = size.bit_length()
            quick_s = self._quick_s
            if self._expected_s.get(size_class, quick_s) < quick_s:  # unknown counts as slow
                return self._inline(tensors, call, size_class, items)
        if self._batching is not None:
            outputs: Tensors = await self._together(tensors, call, items)
            return outputs
        if runtime.inline:
            return await self._on_thread(lambda: self._timed(tensors, [call]), call, items)
        return await self._on_thread(lambda: runtime.infer(tensors, call), call, items)

    async def stream(self, tensors: Tensors, call: Call) -> Answers[Tensors]:
        """Run the model on named tensors; return when its first answer is there.

        The request is in flight, and its deadline holds, until the answers are read to their end or closed.

        Raises:
            InvalidInput: they do not fit the signature.
            Overloaded, DeadlineExceeded, ModelFailed, ScriptFailed; later the answers too, but for the first.
        """
        runtime = self.runtime
        if not isinstance(runtime, StreamLike) or self._asks_together:
            return OneAnswer(await self.infer(tensors, call))
        if runtime.signature is not None:
            runtime.signature.check(tensors)
        begin: Callable[[], Union[Tensors, Iterator[Tensors]]] = partial(runtime.stream, tensors, call)
        answers = await self._drawn(begin, call)
        return answers if isinstance(answers, DrawnAnswers) else OneAnswer(answers)

    async def run_script(self, data: str, call: Call) -> bytes:
        """Give ``data`` to the script's ``run()`` and return its only result as JSON.

        Raises:
            InvalidInput: the model is not a script.
            ManyAnswers: it yielded none, or several.
            Overloaded, DeadlineExceeded, ScriptFailed, ScriptResultInvalid
        """
        return (await self._run_posted(Posted(data.encode()), call)).as_json()

    async def _run_posted(self, posted: Posted, call: Call) -> Scripted:
        script = self._scripted()
        if self._asks_together:
            return await self._asked(posted, call)
        return await self._on_thread(lambda: _one(script.run(posted, call)), call)

    async def score_script(self, request: HttpRequest, call: Call) -> Tuple[Scripted, Optional[Answers[bytes]]]:
        """Give a request to the script's ``run()`` as it came; return its answer, and the pieces of one that yields.

        In flight as with ``stream``.

        Raises:
            InvalidInput: the model is not a script, or it cannot take this request.
            Overloaded, DeadlineExceeded, UnsupportedMediaType, ScriptFailed, ScriptResultInvalid; later the pieces too,
                but for the first.
        """
        script = self._scripted()
        if self._asks_together:
            return await self._asked(request, call), None
        head = Scripted(b"")

        def begin() -> Union[bytes, Iterator[bytes]]:
            nonlocal head
            answer = script.run(request, call)
            if isinstance(answer, Scripted):
                head = answer
                return answer.body
            head = answer.head
            return answer

        answers = await self._drawn(begin, call)
        return head, None if isinstance(answers, bytes) else answers

    def _scripted(self) -> ScriptLike:
        if self._script is None:
            raise InvalidInput("this model takes tensors, not free-form data")
        return self._script

    async def stream_results(self, data: str, call: Call) -> Answers[bytes]:
        """Give ``data`` to the script's ``run()``; each result that it yields, or its only one, comes as JSON.

        In flight as with ``stream``.

        Raises:
            InvalidInput: the model is not a script.
            Overloaded, DeadlineExceeded, ScriptFailed, ScriptResultInvalid; later the answers too, but for the first.
        """
        script = self._scripted()
        if self._asks_together:
            return OneAnswer((await self._asked(Posted(data.encode()), call)).as_json())
        begin: Callable[[], Union[bytes, Iterator[bytes]]] = partial(script.results, data, call)
        results = await self._drawn(begin, call)
        return OneAnswer(results) if isinstance(results, bytes) else results

    async def invoke(self, body: bytes, media_type: str, call: Call) -> bytes:
        """Give a body of ``/invocations`` to a runtime that reads it itself, and return its answer.

        Raises:
            InvalidInput: it cannot be read, or does not fit; or the runtime reads no bodies.
            Overloaded, DeadlineExceeded, UnsupportedMediaType, ModelFailed
        """
        runtime = self.runtime
        if not isinstance(runtime, BodyLike):
            raise InvalidInput("this model takes tensors, not bodies")
        if self._asks_together:
            answer: bytes = await self._together(Invoked(body, media_type), call)
            return answer
        return await self._on_thread(lambda: runtime.invoke(body, media_type, call), call)

    async def _drawn(self, begin: Callable[[], Union[T, Iterator[T]]], call: Call) -> Union[T, DrawnAnswers[T]]:
        return await DrawnAnswers(begin, call, self.engine, self.statistics, self._clock).start()

    def _inline(self, tensors: Tensors, call: Call, size_class: int, items: int) -> Tensors:
        began = self._clock()
        if began >= call.deadline:
            raise DeadlineExceeded(call.timeout_ms)
        self._executed_inline += 1
        try:
            outputs = self.runtime.infer(tensors, call)
        except BaseException:
            self.statistics.failure(began, self._clock())
            raise
        call.began, call.ended = began, self._clock()
        took_s = call.ended - began
        self._expected_s[size_class] = moved(self._expected_s.get(size_class, took_s), took_s)
        self.statistics.success(items, began, began, call.ended)
        return outputs

    def _timed(self, tensors: Tensors, calls: Sequence[Call]) -> Tensors:
        began = time.thread_time()  # CPU time: waiting for the GIL must not make a model look slow
        if self._watch.is_kept():
            outputs = self._watch.marked(self.runtime.infer, tensors, calls)
        else:
            outputs = self.runtime.infer(tensors, calls[0])
        took_s = time.thread_time() - began
        size_class = sum(array.size for array in tensors.values()).bit_length()
        self._expected_s[size_class] = moved(self._expected_s.get(size_class, took_s), took_s)
        return outputs

    async def _on_thread(self, work: Callable[[], T], call: Call, items: int = 1) -> T:
        ticket = self.engine.admit(work, call)
        result = await self._answer_of(ticket)
        self.statistics.success(items, ticket.came, call.began, call.ended)
        return result

    async def _asked(self, request: HttpRequest, call: Call) -> Scripted:
        answer: Scripted = await self._together(request, call)
        return answer

    async def _together(self, asked: Asked, call: Call, items: int = 1) -> Any:
        """Have a request answered on a thread, perhaps together with others."""
        assert self._batching is not None
        ticket: AnyTicket = self.engine.join(self._batching.part(asked, call))
        answer = await self._answer_of(ticket)
        self.statistics.share(items, ticket.came, call.began, call.ended)
        return answer

    async def _answer_of(self, ticket: Ticket[T]) -> T:
        try:
            return await self.engine.answer_of(ticket)
        except BaseException:
            self.statistics.failure(ticket.came, self._clock())
            raise
        finally:
            self.engine.leave(ticket)


def _leave_it(call: Call) -> None:
    """Let a model that cannot be ended come to its end."""


def _one(answer: Union[Scripted, ScriptedPieces]) -> Scripted:
    if isinstance(answer, Scripted):
        return answer
    answered = Scripted(only(answer))
    answered.own = True  # at /score it is sent as the script yields it
    return answered

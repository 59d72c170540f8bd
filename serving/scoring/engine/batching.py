"""How the requests to one model run together: whether they do at all, who joins whom, and what that takes."""

from __future__ import annotations

import logging
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Protocol, Sequence, Union

from ..errors import LoadFailed
from ..runtimes.base import Asked, BatchLike, Call, RowsLike, Runtime, ScriptLike
from ..tensors import Tensors
from .averages import moved
from .batches import Gathering, Limits, Part, concatenated, part_of, size_of, split
from .settings import EngineSettings
from .tickets import AnyTicket
from .watch import Watch

MOST_ASKED = 64  # of users' code at once: so many bodies are marked, of which one may end the process
_NO_RUN_BATCH = (
    "batching: {enabled: true} needs a run_batch(inputs) in the scoring script, which takes a list of what run() would"
    " get: add it, or leave enabled away"
)
_NO_ROWS = (
    "batching: {enabled: true} needs a model whose inputs and outputs all have a first dimension of any size, their"
    " rows: export it with one, or leave enabled away"
)
Infer = Callable[[Tensors, Sequence[Call]], Tensors]
_DOUBTED_AFTER = 20  # batches that were not formed since they were expected to take too long
_log = logging.getLogger("slipway.scoring")


class RunApart(Exception):
    """Parts that were to run together must not."""


class Together(Protocol):
    """What runs parts of one kind. Which they are, it says itself."""

    def part(self, asked: Any, call: Call) -> Part: ...

    def run(self, parts: Sequence[Part]) -> Sequence[Any]:
        """Return an answer for each part, or the error that fails it alone; raise where nobody knows for whom."""
        ...


class Batching:
    """What runs together on the threads of one model. ``clock`` is the data plane's."""

    def __init__(self, together: Together, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.part = together.part
        self.most = limits.rows
        self._run = together.run
        self._limits = limits
        self._clock = clock
        self._took_s: Dict[int, float] = {}  # by the input's size class
        self._refused: Dict[int, int] = {}  # by the class that made them look too long, since one of it ran

    def company(self, first: AnyTicket, others: Iterator[AnyTicket]) -> Iterable[AnyTicket]:
        """Choose who of those that wait joins the first."""
        assert first.part is not None
        gathering = Gathering(first.part, self._limits, self._clock(), self._expected_s)
        taken = [other for other in others if other.part is not None and other.wanted and gathering.takes(other.part)]
        if gathering.too_long:
            self._doubt(gathering.too_long.bit_length())
        return taken

    def run(self, parts: Sequence[Part]) -> Sequence[Any]:
        """Run parts, as ``Together`` does, and learn how long that takes."""
        began = self._clock()
        answers = self._run(parts)
        size_class = sum(part.size_bytes for part in parts).bit_length()
        took_s = self._clock() - began
        self._refused[size_class] = 0
        self._took_s[size_class] = moved(self._took_s.get(size_class, took_s), took_s)
        return answers

    def _expected_s(self, size_bytes: int) -> float:
        """Say how long so many bytes take; of a size not seen yet, as the largest seen below it in proportion."""
        size_class = size_bytes.bit_length()
        smaller = self._seen(size_class)
        return 0.0 if smaller is None else self._took_s[smaller] * 2.0 ** (size_class - smaller)

    def _doubt(self, size_class: int) -> None:
        """Note that a batch was expected to take too long. A class that is not run any more, since it took long once,
        as at a stall, would be so for ever: after a while it is expected to take no more than smaller ones suggest.
        """
        seen = self._seen(size_class)
        if seen is None:  # the time was over
            return
        self._refused[seen] += 1
        smaller = self._seen(seen - 1)
        if self._refused[seen] >= _DOUBTED_AFTER and smaller is not None:
            self._refused[seen] = 0
            self._took_s[seen] = min(self._took_s[seen], self._took_s[smaller] * 2.0 ** (seen - smaller))

    def _seen(self, most: int) -> Optional[int]:
        """Return the largest size class, up to ``most``, of which a run was seen."""
        return max((seen for seen in list(self._took_s) if seen <= most), default=None)


class Rows:
    """Tensors, whose rows run together: ``infer`` runs the model on what is put together of these calls."""

    def __init__(self, infer: Infer, watch: Watch) -> None:
        self._infer = infer
        self._watch = watch
        self._apart = False

    def part(self, asked: Tensors, call: Call) -> Part:
        part = part_of(asked, call)
        if self._apart:
            part.kind = None
        return part

    def run(self, parts: Sequence[Part]) -> List[Tensors]:
        first = parts[0]
        if len(parts) == 1:
            return [self._infer(first.asked, [first.call])]
        if self._apart or (self._watch.is_kept() and self._watch.keeps_apart(parts)):
            raise RunApart
        outputs = self._infer(concatenated([part.asked for part in parts]), [part.call for part in parts])
        answers = split(outputs, [part.rows for part in parts])
        if answers is None:
            self._apart = True
            shapes = {name: list(array.shape) for name, array in outputs.items()}
            total = sum(part.rows for part in parts)
            _log.warning("requests run one by one from now on: %d rows together gave outputs of %s", total, shapes)
            raise RunApart
        return answers


class Requests:
    """Requests to a model that answers several itself."""

    def __init__(self, model: BatchLike) -> None:
        self._model = model

    def part(self, asked: Asked, call: Call) -> Part:
        size_bytes = size_of(asked) if isinstance(asked, dict) else len(asked.body)
        return Part(asked, call, Requests, 1, size_bytes)

    def run(self, parts: Sequence[Part]) -> Sequence[Any]:
        return self._model.answer_all([(part.asked, part.call) for part in parts])


def together_on(
    runtime: Runtime, settings: EngineSettings, infer: Infer, watch: Watch
) -> Optional[Union[Rows, Requests]]:
    """Say how requests to a model run together, if they may; of tensors, ``infer`` runs it.

    Raises:
        LoadFailed: they are to, and cannot.
    """
    if isinstance(runtime, BatchLike) and settings.batching != "off":
        return Requests(runtime)
    if _rows_of(runtime, settings) is not None:
        return Rows(infer, watch)
    if settings.batching == "on":
        script = isinstance(runtime, ScriptLike)
        raise LoadFailed(_NO_RUN_BATCH if script else _NO_ROWS)
    return None


def threads_for(runtime: Runtime, settings: EngineSettings) -> int:
    """Say how many threads suit a model."""
    rows = _rows_of(runtime, settings)
    return runtime.threads if rows is None else rows.batch_threads


def _rows_of(runtime: Runtime, settings: EngineSettings) -> Optional[RowsLike]:
    """Return a runtime of tensors whose rows may run together; ``on`` says that they may, whatever was seen."""
    if not isinstance(runtime, RowsLike) or runtime.signature is None or not runtime.signature.batched:
        return None
    return runtime if settings.batching == "on" or (runtime.rows_independent and settings.batching == "auto") else None


def limits_of(settings: EngineSettings, together: Together) -> Limits:
    """Return the limits of a batch that are set, else ours; of requests that are asked together never too many."""
    own = Limits()
    rows = settings.batch_max_rows or own.rows
    most = min(rows, MOST_ASKED) if isinstance(together, Requests) else rows
    return Limits(most, settings.batch_max_bytes or own.size_bytes)

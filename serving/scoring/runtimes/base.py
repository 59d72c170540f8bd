"""The port between the data plane and whatever runs the model."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Optional, Protocol, TypeVar, Union, runtime_checkable

from ..errors import ManyAnswers
from ..tensors import Signature, Tensors

T = TypeVar("T")

_NONE: Dict[str, Any] = {}


class Call:
    """What a runtime may know about the request it works for. ``deadline`` is on the data plane's clock, as is
    ``began``, when a thread took the work up. ``parameters`` are those that the protocol leaves to the model."""

    __slots__ = ("began", "deadline", "headers", "parameters", "request_id", "timeout_ms")

    def __init__(self, request_id: str, headers: Mapping[bytes, bytes], deadline: float, timeout_ms: int) -> None:
        self.request_id = request_id
        self.headers = headers
        self.deadline = deadline
        self.timeout_ms = timeout_ms
        self.began = 0.0
        self.parameters: Mapping[str, Any] = _NONE


class Runtime(Protocol):
    """A loaded model. ``infer`` is called from up to ``threads`` threads at once, and on the event loop if ``inline``.

    ``signature`` is None when the model does not declare one; then ``infer`` checks its input itself.
    """

    platform: str
    threads: int
    inline: bool
    signature: Optional[Signature]

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        """Run on named tensors; outputs come in the model's order.

        Raises:
            InvalidInput, ModelFailed, ScriptFailed
        """
        ...


@runtime_checkable
class ScriptLike(Protocol):
    """A runtime that takes free-form data too: the user's ``run()``."""

    def run(self, data: str, call: Call) -> Union[bytes, Iterator[bytes]]:
        """Give ``data`` (JSON text) to ``run()`` and return its result as JSON; what it yields, piece by piece.

        Raises:
            ScriptFailed, ScriptResultInvalid; the iterator too.
        """
        ...

    def results(self, data: str, call: Call) -> Iterator[bytes]:
        """Give ``data`` to ``run()``; each result that it yields, or its only one, is JSON. Raises as ``run`` does."""
        ...


@runtime_checkable
class StreamLike(Protocol):
    """A runtime that may give several answers to one input. ``decoupled`` says whether it is known to."""

    decoupled: bool

    def stream(self, tensors: Tensors, call: Call) -> Iterator[Tensors]:
        """Run on named tensors, as far as the iterator is drawn from; it ends when it is closed.

        Raises:
            InvalidInput, ModelFailed, ScriptFailed; the iterator too.
        """
        ...


@runtime_checkable
class BodyLike(Protocol):
    """A runtime that reads and answers the bodies of ``/invocations`` itself."""

    mlflow_version: str

    def invoke(self, body: bytes, media_type: str, call: Call) -> bytes:
        """Return ``{"predictions": …}`` as JSON. ``media_type`` is without parameters: JSON, CSV or Parquet.

        Raises:
            InvalidInput, UnsupportedMediaType, ModelFailed
        """
        ...


@runtime_checkable
class OnProvider(Protocol):
    """A runtime whose work is done by one of several execution providers: ``provider`` names it as onnxruntime does."""

    provider: str


def provider_of(runtime: Runtime) -> str:
    """Return the execution provider of a runtime, or "" where there is no such thing."""
    return runtime.provider if isinstance(runtime, OnProvider) else ""


def only(answers: Iterator[T]) -> T:
    """Return the one answer that there must be, and end what gives them.

    Raises:
        ManyAnswers: there is none, or another.
    """
    try:
        for answer in answers:
            for _ in answers:
                raise ManyAnswers("the model gives more than one answer: ask for a stream of them")
            return answer
        raise ManyAnswers("the model gave no answer, and exactly one is wanted: ask for a stream of them")
    finally:
        close = getattr(answers, "close", None)
        if close is not None:
            close()

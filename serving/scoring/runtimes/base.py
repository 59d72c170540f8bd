"""The port between the data plane and whatever runs the model."""

from __future__ import annotations

import time
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    runtime_checkable,
)

from ..errors import DeadlineExceeded, InvalidInput, ManyAnswers, ScoringError, ScriptFailed, ScriptResultInvalid
from ..tensors import Signature, Tensors
from .azureml.schemas import Schemas

T = TypeVar("T")
KEY_HEADER = b"x-slipway-key"  # the edge's word for the key that a request came with; a client's own counts nowhere
OWN_HEADERS = b"x-slipway-"  # between the edge and this process, its secret among them: never a script's
JSON = b"application/json"

_NONE: Dict[str, Any] = {}


class Call:
    """What a runtime may know about the request it works for. ``deadline`` is on the data plane's clock, as are
    ``began`` and ``ended``, of the work itself. ``parameters`` are those that the protocol leaves to the model.
    ``digest`` names what the model is given, where somebody wants to know that; ``cache`` says whether it was answered
    from memory, ``hit`` or ``miss``, where there is one."""

    __slots__ = ("began", "cache", "deadline", "digest", "ended", "headers", "parameters", "request_id", "timeout_ms")

    def __init__(self, request_id: str, headers: Mapping[bytes, bytes], deadline: float, timeout_ms: int) -> None:
        self.request_id = request_id
        self.headers = headers
        self.deadline = deadline
        self.timeout_ms = timeout_ms
        self.began = self.ended = 0.0
        self.digest = b""
        self.parameters: Mapping[str, Any] = _NONE
        self.cache = b""


class HttpRequest(Protocol):
    """A request as it came over HTTP. Header names are lower-case."""

    @property
    def method(self) -> bytes: ...

    @property
    def path(self) -> bytes: ...

    @property
    def query(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[bytes, bytes]: ...

    @property
    def body(self) -> bytes: ...


class Posted:
    """JSON text from another door, as if it had been posted to /score."""

    method, path, query = b"POST", b"/score", b""

    def __init__(self, body: bytes) -> None:
        self.headers: Mapping[bytes, bytes] = {b"content-type": JSON}
        self.body = body


class Scripted:
    """What a script answered: its result as JSON, or, if ``own``, a response that it made itself.

    ``headers`` have lower-case names and none that is the server's; ``ran_ms`` is the time that run() took.
    """

    __slots__ = ("body", "content_type", "headers", "own", "ran_ms", "status")

    def __init__(self, body: bytes, content_type: bytes = JSON) -> None:
        self.status = 200
        self.body = body
        self.content_type = content_type
        self.headers: List[Tuple[bytes, bytes]] = []
        self.own = False
        self.ran_ms = 0.0

    def as_json(self) -> bytes:
        """Return the body for a protocol whose answers are JSON and have a head of their own.

        Raises:
            InvalidInput, ScriptFailed: the script's own response says that the client, or the script, is wrong.
            ScriptResultInvalid: it is not JSON.
        """
        if self.status >= 400:
            text = f"the scoring script answered {self.status}: {self.body.decode('utf-8', 'replace')}"
            raise InvalidInput(text) if self.status < 500 else ScriptFailed(text)
        if not self.content_type.startswith(JSON):
            kind = self.content_type.decode("latin-1")
            raise ScriptResultInvalid(f"the scoring script answered {kind}, which only POST /score can send")
        return self.body


class ScriptedPieces:
    """What a script answers piece by piece. ``head`` is all but the body."""

    def __init__(self, head: Scripted, pieces: Iterator[bytes]) -> None:
        self.head = head
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """End the script's iterator."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


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
    """A runtime that takes requests as they came: the user's ``run()``.

    ``raw_http`` means that it takes nothing else, so that it is reached at /score only; ``sees_requests`` that it may
    see more of a request than its input, such as headers.
    """

    raw_http: bool
    sees_requests: bool

    def run(self, request: HttpRequest, call: Call) -> Union[Scripted, ScriptedPieces]:
        """Give a request to ``run()`` in the form that it takes; return its result, or what it yields.

        Raises:
            InvalidInput, UnsupportedMediaType, ScriptFailed, ScriptResultInvalid; the iterator too.
        """
        ...

    def results(self, data: str, call: Call) -> Iterator[bytes]:
        """Give ``data`` to ``run()``; each result that it yields, or its only one, is JSON. Raises as ``run`` does."""
        ...


class Invoked(NamedTuple):
    """A body of ``/invocations``; ``media_type`` is without parameters."""

    body: bytes
    media_type: str


Asked = Union[HttpRequest, Invoked, Tensors]  # a request as it came to a script or a reader of bodies, or named tensors
Answered = Union[Scripted, bytes, Tensors, ScoringError]  # to each of these, or what fails it


@runtime_checkable
class BatchLike(Protocol):
    """A runtime that says itself how several requests are answered at once."""

    def answer_all(self, asked: Sequence[Tuple[Asked, Call]]) -> Sequence[Answered]:
        """Answer each as ``run``, ``invoke`` or ``infer`` would, an error of its own in the place of an answer.

        Raises:
            ScoringError: it failed, and of several nobody knows for which.
        """
        ...


@runtime_checkable
class RowsLike(Protocol):
    """A runtime of tensors. ``rows_independent``: rows of several requests that run together give what each gives.

    ``batch_threads`` are what suits it then, instead of ``threads``.
    """

    rows_independent: bool
    batch_threads: int


@runtime_checkable
class Interruptible(Protocol):
    """A runtime whose work for a call can be ended from another thread, when nobody waits for it any more."""

    def interrupt(self, call: Call) -> None: ...


@runtime_checkable
class Described(Protocol):
    """A runtime that has documents of what it takes and gives."""

    schemas: Schemas


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


def see_that_somebody_waits(calls: Sequence[Call]) -> None:
    """Look at the clock for the last time before the user's code begins.

    Raises:
        DeadlineExceeded: the time of all of these is over.
    """
    if time.monotonic() >= max(call.deadline for call in calls):
        raise DeadlineExceeded(calls[0].timeout_ms)


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

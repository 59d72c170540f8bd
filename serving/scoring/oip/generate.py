"""``/v2/models/M/generate`` and ``generate_stream``: Triton's extension for text, answered once or as events.

The extension is Triton's provisional one; server metadata does not list it there, and so not here.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Mapping

from ..answers import Answers, Encoded
from ..errors import InvalidInput, ManyAnswers, ScoringError
from ..http.calls import call_of, request_text
from ..http.messages import Answer, Request, Response, StreamedResponse
from ..runtimes.base import Call, ScriptLike
from .generate_codec import decode_members, encode_outputs, encode_result, own_parameters, take_id, tensors_of
from .http_door import error_response
from .parameters import for_model, timeout_of
from .served_model import ServedModel

EVENTS = b"text/event-stream; charset=utf-8"


class Generate:
    """The two doors. A script without a signature is given the body as it gets it from ``/score``."""

    def __init__(self, model: ServedModel) -> None:
        self._plane = model.plane
        self._head: Dict[str, str] = {"model_name": model.name, "model_version": model.version}

    async def once(self, request: Request) -> Response:
        """Answer a model that gives exactly one answer.

        Raises:
            ManyAnswers: it gave none, or another.
        """
        answers = await self._answers(request)
        try:
            async for answer in answers:
                async for _ in answers:
                    raise _not_one()
                return Response(200, answer)
            raise _not_one()
        finally:
            await answers.aclose()

    async def stream(self, request: Request) -> Answer:
        """Answer with an event for each answer; what is raised after the first is an event too, the last one."""
        return StreamedResponse(200, _Events(await self._answers(request)), EVENTS)

    async def _answers(self, request: Request) -> Answers[bytes]:
        plane, size_bytes, call = self._plane, len(request.body), call_of(self._plane, request)
        members = await plane.at_pace(size_bytes, partial(decode_members, request.body), call)
        signature = self._plane.runtime.signature
        if signature is not None:
            request_id = take_id(members, signature)
            head = {"id": request_id, **self._head} if request_id else self._head
            tensors, parameters = await plane.at_pace(size_bytes, partial(tensors_of, members, signature), call)
            self._shorten(call, parameters)
            call.parameters = for_model(parameters)
            outputs = await plane.stream(tensors, call)
            return Encoded(outputs, lambda answer: encode_outputs(answer, head))
        if not isinstance(self._plane.runtime, ScriptLike):
            raise InvalidInput("this model declares no signature, so it has no inputs by name: use /invocations")
        self._shorten(call, own_parameters(members))
        results = await plane.stream_results(request_text(request), call)
        return Encoded(results, lambda result: encode_result(result, self._head))

    def _shorten(self, call: Call, parameters: Mapping[str, Any]) -> None:
        timeout_s = timeout_of(parameters)
        if timeout_s is not None:
            self._plane.shorten(call, timeout_s)


class _Events:
    """Answers as server-sent events."""

    def __init__(self, answers: Answers[bytes]) -> None:
        self._answers = answers
        self._failed = False

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> bytes:
        if self._failed:
            raise StopAsyncIteration
        try:
            return b"data: %b\n\n" % await self._answers.__anext__()
        except ScoringError as error:
            self._failed = True
            return b"data: %b\n\n" % error_response(error).body

    async def aclose(self) -> None:
        await self._answers.aclose()


def _not_one() -> ManyAnswers:
    return ManyAnswers(  # in Triton's words
        "generate expects model to produce exactly 1 response,"
        " use generate stream for model that generates various number of responses"
    )

"""One copy to its end: sent to the edge, answered, and compared with what the client got."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from serving.edge.mirroring.grpc_copies import CopyChannel
from serving.edge.mirroring.http_copies import CopyAnswer, CopyConnection, request_bytes
from serving.edge.mirroring.ledger import blank
from serving.edge.mirroring.reading import grpc_outputs, outputs_of
from serving.policy.comparison import Outputs, compare
from serving.scoring.mirror import Answered
from serving.wire.comparison import Comparison, Outcome

LONGEST_S = 190.0  # over the longest request_timeout_ms, which the edge keeps
OK = 200

# How a copy ended that has no prediction to compare, by its status over HTTP and over gRPC.
_ENDS = {408: Outcome.LATE, 429: Outcome.REFUSED, 502: Outcome.FAILED, 503: Outcome.FAILED, 504: Outcome.LATE}
_GRPC_ENDS = {4: Outcome.LATE, 8: Outcome.REFUSED, 14: Outcome.FAILED}
_REVISION = b"x-slipway-revision"


class Sender:
    """Sends copies to one deployment, one at a time."""

    def __init__(self, target: str, copies: Path, channel: CopyChannel, clock: Callable[[], float]) -> None:
        self._target = target
        self._connection = CopyConnection(copies)
        self._channel = channel
        self._clock = clock

    async def send(self, one: Answered) -> Comparison:
        """Return what became of it. Never raises but when it is cancelled."""
        endpoint = one.backend.partition(".")[0]
        target = f"{endpoint}.{self._target}"
        began = self._clock()
        try:
            async with asyncio.timeout(LONGEST_S):
                answer = await self._ask(endpoint, one)
        except TimeoutError:
            return blank(one.backend, target, Outcome.LATE)
        except OSError:
            return blank(one.backend, target, Outcome.FAILED)
        took_ms = (self._clock() - began) * 1000
        revision = answer.headers.get(_REVISION, b"").decode("latin-1")
        ends = _ENDS if one.path else _GRPC_ENDS
        ended = ends.get(answer.status, Outcome.COMPARED) if revision else Outcome.FAILED
        if ended is not Outcome.COMPARED:
            return blank(one.backend, revision or target, ended)
        return replace(
            blank(one.backend, revision, ended),
            request_id=one.request_id,
            operation_id=_trace(one),
            door=one.path.partition(b"?")[0].decode("latin-1") or "ModelInfer",
            primary_status=one.status,
            target_status=answer.status,
            took_ms=round(took_ms, 3),
            outputs=compare(one.status, _primary(one), answer.status, _answered(one, answer)),
        )

    def close(self) -> None:
        self._connection.close()

    async def _ask(self, endpoint: str, one: Answered) -> CopyAnswer:
        if one.path:
            path = b"/endpoints/%b%b" % (endpoint.encode(), one.path)
            headers = {**one.headers, b"x-request-id": one.request_id.encode("latin-1")}
            return await self._connection.send(request_bytes(path, self._target, headers, one.body))
        headers_of_call = {name.decode(): value.decode() for name, value in one.headers.items()}
        headers_of_call["x-request-id"] = one.request_id
        return await self._channel.send(endpoint, self._target, headers_of_call, one.body)


def _primary(one: Answered) -> Outputs:
    if not one.path:
        return grpc_outputs(one.answer)
    return outputs_of(one.path, one.answer_headers, one.answer) if one.status == OK else {}


def _answered(one: Answered, answer: CopyAnswer) -> Outputs:
    if not one.path:
        return grpc_outputs(answer.body) if answer.status == 0 else {}
    return outputs_of(one.path, answer.headers, answer.body) if answer.status == OK else {}


def _trace(one: Answered) -> str:
    """Return the trace id, which is the request's operation id."""
    parts = one.headers.get(b"traceparent", b"").decode("latin-1").split("-")
    return parts[1] if len(parts) > 1 else ""

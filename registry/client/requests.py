"""What was asked of revisions, as telemetry counted it."""

from collections.abc import Collection, Iterator

import msgspec

from registry.client.services import Services
from registry.core.errors import Unavailable

AT_ONCE = 100  # revisions in one question: their names stand in its address


class RequestCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests a revision got, how many of them failed because of our side, and when the last one came."""

    backend: str
    requests: int
    failures: int
    last_ms: int


class _Summary(msgspec.Struct, frozen=True):
    rows: list[RequestCount]


class Requests:
    def __init__(self, services: Services) -> None:
        self._services = services

    def count(self, backends: Collection[str], since_ms: int = 0) -> dict[str, RequestCount]:
        """Return backend → count, of those revisions (``DeploymentUse.backend``) that were asked anything.

        Raises:
            Unavailable: telemetry is not there, does not answer, or is another version's.
        """
        counts = (one for part in _parts(backends) for one in self._count(part, since_ms))
        return {one.backend.lower(): one for one in counts}

    def _count(self, backends: list[str], since_ms: int) -> list[RequestCount]:
        asked: dict[str, str | int | None] = {"backends": ",".join(backends), "since_ms": since_ms}
        answer = self._services.ask("telemetry", "/v1/summary", asked)
        try:
            return msgspec.json.decode(answer.content, type=_Summary).rows
        except msgspec.DecodeError as error:
            raise Unavailable(f"what answers as telemetry is none: {error}") from error


def _parts(backends: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(backends)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))

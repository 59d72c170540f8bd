"""Questions to the ``requests`` table."""

from typing import Annotated, Any

import msgspec

from serving.telemetry.layout import Layout
from serving.telemetry.lines import parse_lines
from serving.telemetry.stored import Stored
from serving.wire.request_line import ADDED, COLUMNS

MAX_ROWS = 10_000

# What counts as a failure of serving: our side's statuses, and Azure's 408 at /score. Its 424 is any status of a
# replica's but 200, so the replica's own decides. A client's own mistakes (4xx; gRPC CANCELLED 1, INVALID_ARGUMENT 3,
# NOT_FOUND 5, ALREADY_EXISTS 6, PERMISSION_DENIED 7, RESOURCE_EXHAUSTED 8, FAILED_PRECONDITION 9, OUT_OF_RANGE 11,
# UNIMPLEMENTED 12, UNAUTHENTICATED 16) are not. An answer that its replica broke off (HAProxy's SD) is one, whatever it
# began with: a stream's status is in trailers, which HAProxy cannot read.
IS_FAILURE = """(
    status >= 500 OR status = 408 OR model_status >= 500
    OR grpc_status NOT IN (-1, 0, 1, 3, 5, 6, 7, 8, 9, 11, 12, 16) OR termination = 'SD'
)"""

IDENTITY = "boot, frontend, counter, checksum"

_WANTED = """timestamp_ms >= $since_ms
    AND ($endpoint = '' OR endpoint = $endpoint) AND ($deployment = '' OR deployment = $deployment)
    AND ($backends = '' OR list_contains(string_split($backends, ','), lower(backend)))
    AND ($id = '' OR $id IN (operation_id, request_id, client_request_id)
        OR (length($id) >= 8 AND starts_with(operation_id, $id)))"""

# The narrow columns tell from when on the rows are wanted; only those rows are read in full width.
_ROWS = f"""
    WITH newest AS (
        SELECT DISTINCT {IDENTITY}, timestamp_ms FROM stored WHERE {_WANTED} ORDER BY timestamp_ms DESC LIMIT $limit),
    recent AS (
        SELECT DISTINCT ON ({IDENTITY}) * FROM stored
        WHERE {_WANTED} AND timestamp_ms >= (SELECT min(timestamp_ms) FROM newest))
    SELECT {", ".join(COLUMNS)} FROM recent ORDER BY timestamp_ms DESC, counter DESC LIMIT $limit
"""  # noqa: S608 - only our own names are pasted

_SUMMARY = f"""
    SELECT endpoint, deployment, backend, count(*) AS requests, count(*) FILTER ({IS_FAILURE}) AS failures,
        coalesce(quantile_disc(duration_ms, 0.5) FILTER (duration_ms >= 0), -1) AS p50_ms,
        coalesce(quantile_disc(duration_ms, 0.99) FILTER (duration_ms >= 0), -1) AS p99_ms,
        max(timestamp_ms) AS last_ms
    FROM (
        SELECT DISTINCT ON ({IDENTITY})
            endpoint, deployment, backend, status, model_status, grpc_status, termination,
            duration_ms, timestamp_ms FROM stored
        WHERE {_WANTED})
    GROUP BY ALL ORDER BY ALL
"""  # noqa: S608

# Counters begin at 0 in each life of an edge process and grow by one with each line, so their greatest tells how many
# lines were written. What was lost after the greatest that arrived cannot be seen from here.
_INTEGRITY = f"""
    SELECT coalesce(sum(stored), 0)::BIGINT AS stored,
        coalesce(sum(greatest(written - stored, 0)), 0)::BIGINT AS missing
    FROM (SELECT count(*) AS stored, max(counter) + 1 AS written
        FROM (SELECT DISTINCT {IDENTITY} FROM stored) GROUP BY boot, frontend)
"""  # noqa: S608


class RowsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Empty means all. ``backends`` are revisions, in lower case, apart by commas; ``id`` is any that a client knows
    its request by: the one it sent, or the operation's, of which 8 digits do."""

    endpoint: str = ""
    deployment: str = ""
    backends: str = ""
    id: str = ""
    since_ms: Annotated[int, msgspec.Meta(ge=0, lt=10**13)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)] = 100


class SummaryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As ``RowsQuery``."""

    endpoint: str = ""
    deployment: str = ""
    backends: str = ""
    since_ms: Annotated[int, msgspec.Meta(ge=0, lt=10**13)] = 0


class Integrity(msgspec.Struct, frozen=True, kw_only=True):
    """``missing``: numbered by an edge, never arrived. ``unparsable``: kept in quarantine. ``torn``: cut by a crash
    before they were acknowledged."""

    stored: int
    missing: int
    unparsable: int
    torn: int


class RequestsTable:
    """Answers questions; may be used from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._stored = Stored(layout, parse_lines, ADDED)

    def rows(self, query: RowsQuery) -> list[dict[str, Any]]:
        """Return rows as ``RequestRow`` fields, newest first."""
        return self._stored.ask(_ROWS, msgspec.structs.asdict(query), query.since_ms)

    def summary(self, query: SummaryQuery) -> list[dict[str, Any]]:
        """Return one row per backend; percentiles are exact, -1 of nothing."""
        return self._stored.ask(_SUMMARY, {**msgspec.structs.asdict(query), "id": ""}, query.since_ms)

    def integrity(self) -> Integrity:
        counted = self._stored.ask(_INTEGRITY, {}, 0)[0]
        quarantined = sum(path.read_bytes().count(b"\n") for path in self._layout.quarantine.glob("*.log"))
        torn = sum(1 for _ in self._layout.quarantine.glob("*.torn"))
        return Integrity(**counted, unparsable=quarantined + self._stored.rejected, torn=torn)

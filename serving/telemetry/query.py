"""Questions to the ``requests`` table: DuckDB over Parquet and over the segments that are not compacted yet.

What a caller gives is bound as a parameter, never pasted into SQL.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import duckdb
import msgspec
import pyarrow as pa

from serving.telemetry.layout import Layout
from serving.telemetry.lines import SCHEMA, parse_lines
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

# Files of before an update have not all columns of now.
_STORED = f"""
    CREATE TEMP VIEW stored AS
    SELECT * REPLACE ({", ".join(f"coalesce({name}, '') AS {name}" for name in ADDED)})
    FROM (SELECT * FROM parquet UNION ALL BY NAME SELECT * FROM raw)
"""  # noqa: S608

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
        self._open = OpenSegments(layout)

    def rows(self, query: RowsQuery) -> list[dict[str, Any]]:
        """Return rows as ``RequestRow`` fields, newest first."""
        return self._ask(_ROWS, msgspec.structs.asdict(query), query.since_ms)

    def summary(self, query: SummaryQuery) -> list[dict[str, Any]]:
        """Return one row per backend; percentiles are exact, -1 of nothing."""
        return self._ask(_SUMMARY, {**msgspec.structs.asdict(query), "id": ""}, query.since_ms)

    def integrity(self) -> Integrity:
        counted = self._ask(_INTEGRITY, {}, 0)[0]
        quarantined = sum(path.read_bytes().count(b"\n") for path in self._layout.quarantine.glob("*.log"))
        torn = sum(1 for _ in self._layout.quarantine.glob("*.torn"))
        return Integrity(**counted, unparsable=quarantined + self._open.rejected, torn=torn)

    def _ask(self, sql: str, parameters: Mapping[str, Any], since_ms: int) -> list[dict[str, Any]]:
        raw, table = self._open.read()
        files = self._layout.parquet_files(raw, since_ms)
        with duckdb.connect(config={"threads": 2}) as connection:
            _register(connection, files, table)
            answer = connection.execute(sql, dict(parameters))
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


class OpenSegments:
    """The rows of segments not compacted yet; each line is parsed once, however often it is asked for."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._mutex = threading.Lock()
        self._read: dict[int, int] = {}  # segment → bytes parsed
        self._tables: dict[int, list[pa.Table]] = {}
        self._rejected: dict[int, int] = {}

    @property
    def rejected(self) -> int:
        return sum(self._rejected.values())

    def read(self) -> tuple[set[int], pa.Table]:
        """Return the numbers of the segments that were read, and their rows."""
        with self._mutex:
            numbers = {number for number in self._layout.segments() if self._follow(number)}
            for kept in (self._read, self._tables, self._rejected):
                for number in kept.keys() - numbers:
                    del kept[number]
            tables = [table for number in sorted(numbers) for table in self._tables[number]]
            return numbers, pa.concat_tables([SCHEMA.empty_table(), *tables])

    def _follow(self, number: int) -> bool:
        """Parse what is new in a segment; return False if it has just been compacted."""
        try:
            with self._layout.segment(number).open("rb") as file:
                file.seek(self._read.get(number, 0))
                raw = file.read()
        except FileNotFoundError:
            return False
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole or number not in self._read:
            rows, rejected = parse_lines(whole)
            self._read[number] = self._read.get(number, 0) + len(whole)
            self._tables.setdefault(number, []).append(rows)
            self._rejected[number] = self._rejected.get(number, 0) + len(rejected)
        return True


def _register(connection: Any, files: list[Path], raw: pa.Table) -> None:
    """Name the union of both ``stored``."""
    connection.register("raw", raw)
    if not files:
        connection.execute("CREATE TEMP VIEW stored AS SELECT * FROM raw")
        return
    parquet = connection.read_parquet([str(path) for path in files], hive_partitioning=False, union_by_name=True)
    parquet.create_view("parquet")
    connection.execute(_STORED)

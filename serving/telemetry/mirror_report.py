"""What the comparisons of a time say together: agreement, deltas and the worst, by primary and target revision."""

from typing import Annotated, Any

import msgspec

from serving.telemetry.comparisons import parse_comparisons
from serving.telemetry.layout import Layout
from serving.telemetry.stored import Stored

WORST = 20
NEVER_MS = 10**13

# A row differs for good, or by more than the tolerance.
_ROWS = """
    rows AS (
        SELECT DISTINCT ON (boot, number, output) *, difference <> '' OR scaled > $tolerance AS differs FROM stored
        WHERE endpoint = $endpoint AND timestamp_ms >= $since_ms AND timestamp_ms < $until_ms),
    compared AS (SELECT * FROM rows WHERE outcome = 'compared')"""

_PAIRS = f"""
    WITH {_ROWS},
    requests AS (
        SELECT primary_revision, target_revision, bool_or(differs) AS differs, any_value(took_ms) AS took_ms
        FROM compared GROUP BY primary_revision, target_revision, boot, number),
    agreements AS (
        SELECT primary_revision, target_revision, count(*) AS compared, count(*) FILTER (NOT differs) AS agreed,
            quantile_disc(took_ms, 0.5) AS p50_ms, quantile_disc(took_ms, 0.99) AS p99_ms
        FROM requests GROUP BY ALL),
    counts AS (
        SELECT primary_revision, target_revision, min(timestamp_ms) AS first_ms, max(timestamp_ms) AS last_ms,
            coalesce(sum(count) FILTER (outcome = 'refused'), 0)::BIGINT AS refused,
            coalesce(sum(count) FILTER (outcome = 'late'), 0)::BIGINT AS late,
            coalesce(sum(count) FILTER (outcome = 'failed'), 0)::BIGINT AS failed,
            coalesce(sum(count) FILTER (outcome = 'dropped'), 0)::BIGINT AS dropped
        FROM rows GROUP BY ALL)
    SELECT primary_revision, target_revision, coalesce(compared, 0) AS compared, coalesce(agreed, 0) AS agreed,
        agreed / compared AS agreement, p50_ms, p99_ms, first_ms, last_ms, refused, late, failed, dropped
    FROM counts LEFT JOIN agreements USING (primary_revision, target_revision)
    ORDER BY primary_revision, target_revision
"""  # noqa: S608 - only our own names are pasted

_OUTPUTS = f"""
    WITH {_ROWS}
    SELECT primary_revision, target_revision, output, count(*) AS compared, count(*) FILTER (NOT differs) AS agreed,
        count(*) FILTER (NOT differs) / count(*) AS agreement, max(max_abs) AS max_abs, avg(mean_abs) AS mean_abs,
        count(*) FILTER (difference = 'value') AS other_value, count(*) FILTER (difference = 'shape') AS other_shape,
        count(*) FILTER (difference = 'dtype') AS other_dtype, count(*) FILTER (difference = 'missing') AS missing,
        count(*) FILTER (difference = 'status') AS other_status
    FROM compared GROUP BY ALL ORDER BY ALL
"""  # noqa: S608

# Deltas by their power of ten; NULL is none at all. What differs for good has no delta.
_HISTOGRAM = f"""
    WITH {_ROWS}
    SELECT primary_revision, target_revision, output,
        CASE WHEN scaled > 0 THEN greatest(floor(log10(scaled)), -12)::INTEGER END AS exponent, count(*) AS requests
    FROM compared WHERE difference = '' AND elements > 0 GROUP BY ALL ORDER BY ALL NULLS FIRST
"""  # noqa: S608

_WORST = f"""
    WITH {_ROWS},
    requests AS (
        SELECT * FROM compared WHERE differs
        QUALIFY row_number() OVER (
            PARTITION BY boot, number ORDER BY difference <> '' DESC, scaled DESC, output) = 1)
    SELECT primary_revision, target_revision, request_id, operation_id, timestamp_ms, door, output, difference,
        max_abs, scaled, primary_status, target_status
    FROM requests
    QUALIFY row_number() OVER (
        PARTITION BY primary_revision, target_revision
        ORDER BY difference <> '' DESC, scaled DESC, timestamp_ms, request_id) <= {WORST}
    ORDER BY primary_revision, target_revision, difference <> '' DESC, scaled DESC, timestamp_ms, request_id
"""  # noqa: S608


class ReportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``tolerance`` is by how much numbers may differ: absolutely up to 1, as a part of the primary's above."""

    endpoint: str
    since_ms: Annotated[int, msgspec.Meta(ge=0, lt=NEVER_MS)] = 0
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=NEVER_MS)] = NEVER_MS
    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 1e-5


class ComparisonsTable:
    """Answers questions; may be used from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._stored = Stored(layout, parse_comparisons)

    def report(self, query: ReportQuery) -> dict[str, list[dict[str, Any]]]:
        """Return ``pairs``, their ``outputs`` and ``histogram``, and the ``worst`` of each pair, the worst first."""
        asked = msgspec.structs.asdict(query) | {"endpoint": query.endpoint.lower()}
        return {
            "pairs": self._stored.ask(_PAIRS, asked, query.since_ms),
            "outputs": self._stored.ask(_OUTPUTS, asked, query.since_ms),
            "histogram": self._stored.ask(_HISTOGRAM, asked, query.since_ms),
            "worst": self._stored.ask(_WORST, asked, query.since_ms),
        }

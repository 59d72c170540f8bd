"""Lines about copies → an Arrow table with a row for each output of each comparison, and one for each count."""

from typing import Any

import msgspec
import pyarrow as pa

from serving.telemetry.lines import Parsed
from serving.wire.comparison import Comparison, OutputPair

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("boot", "endpoint", "primary_revision", "target_revision", "outcome")),
        *((name, pa.string()) for name in ("request_id", "operation_id", "door", "output", "difference")),
        *((name, pa.int64()) for name in ("number", "timestamp_ms", "count", "elements")),
        *((name, pa.int32()) for name in ("primary_status", "target_status")),
        *((name, pa.float64()) for name in ("took_ms", "max_abs", "mean_abs", "scaled")),
    ]
)
_NOTHING = [OutputPair(name="")]
_decoder = msgspec.json.Decoder(Comparison)


def parse_comparisons(raw: bytes) -> Parsed:
    """Parse newline-terminated lines; what follows the last newline is ignored."""
    rows: list[dict[str, Any]] = []
    rejected: list[bytes] = []
    for line in raw.split(b"\n")[:-1]:
        try:
            rows += _rows(_decoder.decode(line))
        except msgspec.MsgspecError:
            rejected.append(line)
    return Parsed(pa.Table.from_pylist(rows, schema=SCHEMA), rejected)


def _rows(one: Comparison) -> list[dict[str, Any]]:
    common = {name: getattr(one, name) for name in SCHEMA.names if name in one.__struct_fields__}
    common |= {"primary_revision": one.primary, "target_revision": one.target, "outcome": one.outcome.value}
    return [
        common
        | {
            "output": pair.name,
            "difference": pair.difference.value,
            "elements": pair.elements,
            "max_abs": pair.max_abs,
            "mean_abs": pair.mean_abs,
            "scaled": pair.scaled,
        }
        for pair in one.outputs or _NOTHING
    ]

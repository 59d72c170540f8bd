"""Sealed segments → Parquet files by hour. Killed at any point, doing it again gives the same files.

The files are named after the segment, and readers ignore them for as long as the segment is there; deleting the
segment is the one step that makes the files count.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from serving.telemetry.layout import HOUR_MS, Layout, publish, sync, write_durably
from serving.telemetry.lines import Parse, parse_lines

_ALL_DIFFERENT = {
    *("operation_id", "client_request_id", "counter", "checksum", "timestamp_ms"),
    *("request_id", "number", "max_abs", "mean_abs", "scaled", "took_ms"),
}


def compact(layout: Layout, number: int, parse: Parse = parse_lines) -> int:
    """Turn a sealed segment into Parquet and delete it; return the number of its rows."""
    segment = layout.segment(number)
    rows, rejected = parse(segment.read_bytes())
    hours = pc.multiply(pc.divide(rows["timestamp_ms"], HOUR_MS), HOUR_MS)
    for hour_ms in pc.unique(hours).to_pylist():
        _write(rows.filter(pc.equal(hours, hour_ms)), layout.parquet(hour_ms, number))
    if rejected:
        write_durably(layout.quarantined(number), b"\n".join(rejected) + b"\n")
    segment.unlink()
    sync(segment.parent)
    return int(rows.num_rows)


def _write(rows: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sync(path.parent.parent)
    sync(path.parent.parent.parent)
    temporary = path.with_name(path.name + ".tmp")
    alike = [name for name in rows.schema.names if name not in _ALL_DIFFERENT]
    pa.parquet.write_table(rows, temporary, compression="zstd", use_dictionary=alike)
    publish(temporary, path)

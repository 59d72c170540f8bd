"""The telemetry process: sole writer, compactor and reader of ``requests`` and ``comparisons``.

Map::

    layout.py   where things lie in the data folder; segment numbers; the lock of the only writer
    ingest.py   the write-ahead file: raw lines, durable before they are acknowledged
    lines.py    raw lines → an Arrow table of ``RequestRow`` columns
    compact.py  sealed segments → Parquet by hour
    stored.py   DuckDB over Parquet and the segments that are not compacted yet
    query.py    the requests table
    comparisons.py, mirror_report.py    lines about copies → rows, and what they say together
    metrics.py  what Prometheus scrapes
    app.py      the HTTP door
    server.py   wiring: one process

A line is named by (boot, frontend, counter, checksum). HAProxy increments its counter after it has formatted the line,
so two threads can give two requests the same number (measured: 3 in 64,000 with 2 threads, 24 with 4); the checksum of
the whole line tells such twins from a line that was sent twice.
"""

"""A table as it is stored, asked by SQL: DuckDB over Parquet and over the segments that are not compacted yet.

What a caller gives is bound as a parameter, never pasted into SQL.
"""

import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from serving.telemetry.layout import Layout
from serving.telemetry.lines import Parse


class Stored:
    """May be asked from several threads. ``added`` are columns of text that files of before an update have not."""

    def __init__(self, layout: Layout, parse: Parse, added: Collection[str] = ()) -> None:
        self._layout = layout
        self._added = added
        self._open = OpenSegments(layout, parse)

    @property
    def rejected(self) -> int:
        """How many lines that are not compacted yet are no rows."""
        return self._open.rejected

    def ask(self, sql: str, parameters: Mapping[str, Any], since_ms: int) -> list[dict[str, Any]]:
        """Return the rows of a query over ``stored``, which holds what is younger than ``since_ms`` at least."""
        raw, table = self._open.read()
        files = self._layout.parquet_files(raw, since_ms)
        with duckdb.connect(config={"threads": 2}) as connection:
            _register(connection, files, table, self._added)
            answer = connection.execute(sql, dict(parameters))
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


class OpenSegments:
    """The rows of segments not compacted yet; each line is parsed once, however often it is asked for."""

    def __init__(self, layout: Layout, parse: Parse) -> None:
        self._layout = layout
        self._parse = parse
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
            return numbers, pa.concat_tables([self._parse(b"").rows, *tables])

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
            rows, rejected = self._parse(whole)
            self._read[number] = self._read.get(number, 0) + len(whole)
            self._tables.setdefault(number, []).append(rows)
            self._rejected[number] = self._rejected.get(number, 0) + len(rejected)
        return True


def _register(connection: Any, files: list[Path], raw: pa.Table, added: Collection[str]) -> None:
    """Name the union of both ``stored``."""
    connection.register("raw", raw)
    if not files:
        connection.execute("CREATE TEMP VIEW stored AS SELECT * FROM raw")
        return
    parquet = connection.read_parquet([str(path) for path in files], hive_partitioning=False, union_by_name=True)
    parquet.create_view("parquet")
    filled = ", ".join(f"coalesce({name}, '') AS {name}" for name in added)
    columns = f"* REPLACE ({filled})" if filled else "*"
    both = "(SELECT * FROM parquet UNION ALL BY NAME SELECT * FROM raw)"
    connection.execute(f"CREATE TEMP VIEW stored AS SELECT {columns} FROM {both}")  # noqa: S608 - our own names

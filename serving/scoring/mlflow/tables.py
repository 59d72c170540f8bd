"""Predictions as CSV or JSON lines, and JSON lines as a body: what SageMaker's clients may ask for and send."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Dict, List, Sequence

from ..errors import InvalidInput, NotAcceptable
from ..formats import bare_tokens
from .content_types import CSV_TYPE, JSON_LINES_TYPE, JSON_TYPE


def instances_of_lines(body: bytes) -> bytes:
    """Turn JSON lines into MLflow's form of the same rows.

    Raises:
        InvalidInput: a line is not JSON; the message has its number.
    """
    rows: List[Any] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                rows.append(bare_tokens.read(line))
            except ValueError as error:
                raise InvalidInput(f"line {number} is not JSON: {error}") from error
    records = bool(rows) and all(isinstance(row, dict) for row in rows)
    return json.dumps({"dataframe_records" if records else "instances": rows}).encode()


def as_type(answer: bytes, media_type: str) -> bytes:
    """Write the answer ``{"predictions": …}`` as another type.

    CSV has a line of names where the predictions have any.

    Raises:
        NotAcceptable: it is no table.
    """
    if media_type == JSON_TYPE:
        return answer
    document = json.loads(answer)
    rows = _rows(document["predictions"] if isinstance(document, dict) and "predictions" in document else document)
    if media_type == JSON_LINES_TYPE:
        return b"".join(b"%b\n" % json.dumps(row).encode() for row in rows)
    assert media_type == CSV_TYPE
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows and isinstance(rows[0], dict):
        writer.writerow(rows[0])
    for row in rows:
        cells = list(row.values()) if isinstance(row, dict) else row if isinstance(row, list) else [row]
        if any(isinstance(cell, (list, dict)) for cell in cells):
            raise NotAcceptable(f"these predictions are no table, which CSV is: accept {JSON_TYPE}")
        writer.writerow(cells)
    return text.getvalue().encode()


def _rows(predictions: Any) -> Sequence[Any]:
    """Part predictions into rows: a list's items, or of several outputs of equal length the items together."""
    if isinstance(predictions, dict):
        columns: Dict[str, Any] = predictions
        lengths = {len(column) if isinstance(column, list) else -1 for column in columns.values()}
        if len(lengths) == 1 and -1 not in lengths:
            return [dict(zip(columns, values)) for values in zip(*columns.values())]
    return predictions if isinstance(predictions, list) else [predictions]

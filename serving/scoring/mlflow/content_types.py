"""What a body of ``/invocations`` is, by Content-Type as MLflow reads it, and what its answer is to be, by Accept as
SageMaker's containers read it."""

from __future__ import annotations

from typing import Optional

from ..errors import UnsupportedMediaType

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
PARQUET_TYPE = "application/vnd.apache.parquet"
JSON_LINES_TYPE = "application/jsonlines"  # SageMaker's: a row on each line
READ = (CSV_TYPE, JSON_TYPE, PARQUET_TYPE, JSON_LINES_TYPE)
_ANY_OR_JSON = (b"*/*", b"application/json")  # what most clients send
_NAMED = [CSV_TYPE, JSON_TYPE, PARQUET_TYPE]  # as MLflow's text has them
_WRITTEN = {
    JSON_TYPE: JSON_TYPE,
    "application/*": JSON_TYPE,
    "*/*": JSON_TYPE,
    CSV_TYPE: CSV_TYPE,
    "text/*": CSV_TYPE,
    JSON_LINES_TYPE: JSON_LINES_TYPE,
}


def media_type_of(content_type: Optional[bytes]) -> str:
    """Return one of ``READ``. A body without Content-Type is JSON.

    Raises:
        UnsupportedMediaType: it is none of them, or not UTF-8, or has other parameters than a charset.
    """
    if content_type == b"application/json" or not content_type:
        return JSON_TYPE
    text = content_type.decode("latin-1")
    media_type, *parameters = (part.strip() for part in text.lower().split(";"))
    unknown = []
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name != "charset":
            unknown.append(name)
        elif value.strip('"') not in ("utf-8", "utf8"):
            raise UnsupportedMediaType("The scoring server only supports UTF-8")
    if unknown:
        raise UnsupportedMediaType(f"Unrecognized content type parameters: {', '.join(unknown)}.")
    if media_type not in READ:
        raise UnsupportedMediaType(
            f"This predictor only supports the following content types: Types: {_NAMED}. Got '{text}'."
        )
    return media_type


def answer_type_of(accept: Optional[bytes]) -> str:
    """Return the type that the client likes best: JSON, CSV or JSON lines.

    JSON also where it likes none of them, since MLflow's server never looks.
    """
    if not accept or accept in _ANY_OR_JSON:
        return JSON_TYPE
    best, chosen = 0.0, JSON_TYPE
    for choice in accept.decode("latin-1").lower().split(","):
        media_type, *parameters = (part.strip() for part in choice.split(";"))
        quality = next((_quality(value[2:]) for value in parameters if value.startswith("q=")), 1.0)
        if media_type in _WRITTEN and quality > best:
            best, chosen = quality, _WRITTEN[media_type]
    return chosen


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0

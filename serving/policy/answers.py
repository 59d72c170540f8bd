"""Whether an answer is the one recorded: JSON by its structure, floats within a tolerance, tensors by their datatype.

NaN is NaN here, whole numbers are exact, and a text that holds a JSON document is compared as that document: scripts
like to return ``json.dumps(…)``.
"""

import json
import math
import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from registry.core.imaging.samples import Answer, Door, Tolerance

MOST = 5  # differences that are told
_SHOWN = 60  # characters of a value
_OWN = ("model_name", "model_version", "id")  # of the Open Inference Protocol: who answers, not what
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ELEMENTS = {  # as struct reads them; numpy would cost each supervisor its import
    "BOOL": "<?",
    **{f"INT{bits}": f"<{code}" for bits, code in zip((8, 16, 32, 64), "bhiq", strict=True)},
    **{f"UINT{bits}": f"<{code}" for bits, code in zip((8, 16, 32, 64), "BHIQ", strict=True)},
    **{f"FP{bits}": f"<{code}" for bits, code in zip((16, 32, 64), "efd", strict=True)},
}


class Difference(NamedTuple):
    """``path`` leads into the JSON, as ``$.outputs[0].data[3]``; values are shown as JSON, cut short."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


def differences(expected: Answer, got: Answer, door: Door, tolerance: Tolerance) -> list[Difference]:
    """List the first differences between two answers to the same sample, at most five; none if they agree."""
    if expected.status != got.status:
        return [Difference("status", str(expected.status), str(got.status))]
    if _kind(expected.content_type) != _kind(got.content_type):
        return [Difference("content type", expected.content_type, got.content_type)]
    if expected.body == got.body and expected.json_bytes == got.json_bytes:
        return []
    try:
        documents = _document(expected, door), _document(got, door)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error):  # no JSON, or no tensors
        return [Difference("body", f"{len(expected.body)} bytes", f"{len(got.body)} others")]
    return list(islice(_compared("$", *documents, tolerance), MOST))


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _document(answer: Answer, door: Door) -> Any:
    document = json.loads(answer.body[: answer.json_bytes])
    if door is Door.INFER and isinstance(document, dict):
        document = {key: value for key, value in document.items() if key not in _OWN}
    if answer.json_bytes is not None:
        _read_tensors(document["outputs"], answer.body[answer.json_bytes :])
    return document


def _read_tensors(outputs: list[dict[str, Any]], content: bytes) -> None:
    """Put the elements of binary tensors, which lie one after the other, where JSON has them."""
    for output in outputs:
        size = output.get("parameters", {}).pop("binary_data_size", None)
        if size is None:
            continue
        part, content = content[:size], content[size:]
        code = _ELEMENTS.get(output["datatype"])
        output["data"] = list(_texts(part)) if code is None else [one for (one,) in struct.iter_unpack(code, part)]


def _texts(content: bytes) -> Iterator[str]:
    while content:
        end = 4 + int.from_bytes(content[:4], "little")
        yield content[4:end].decode(errors="backslashreplace")
        content = content[end:]


def _compared(path: str, expected: Any, got: Any, tolerance: Tolerance) -> Iterator[Difference]:
    match expected, got:
        case dict(), dict():
            yield from _compared_objects(path, expected, got, tolerance)
        case list(), list():
            if len(expected) != len(got):
                yield Difference(f"{path}, length", str(len(expected)), str(len(got)))
            for index, pair in enumerate(zip(expected, got, strict=False)):
                yield from _compared(f"{path}[{index}]", *pair, tolerance)
        case str(), str() if expected != got and _holds_json(expected) and _holds_json(got):
            yield from _compared(f"{path}, read as JSON", json.loads(expected), json.loads(got), tolerance)
        case _:
            if not _agree(expected, got, tolerance):
                yield Difference(path, _shown(expected), _shown(got))


def _compared_objects(
    path: str, expected: dict[str, Any], got: dict[str, Any], tolerance: Tolerance
) -> Iterator[Difference]:
    for key in [*expected, *(key for key in got if key not in expected)]:
        inner = f"{path}.{key}" if _PLAIN.match(key) else f"{path}[{json.dumps(key)}]"
        if key not in got:
            yield Difference(inner, _shown(expected[key]), "nothing")
        elif key not in expected:
            yield Difference(inner, "nothing", _shown(got[key]))
        else:
            yield from _compared(inner, expected[key], got[key], tolerance)


def _agree(expected: Any, got: Any, tolerance: Tolerance) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if not isinstance(expected, int | float) or not isinstance(got, int | float):
        return type(expected) is type(got) and bool(expected == got)
    if isinstance(expected, int) and isinstance(got, int):
        return expected == got
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    if math.isinf(expected) or math.isinf(got):
        return expected == got
    return abs(expected - got) <= tolerance.absolute + tolerance.relative * abs(expected)


def _holds_json(text: str) -> bool:
    if text[:1] not in ("[", "{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

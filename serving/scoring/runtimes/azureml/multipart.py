"""``multipart/form-data`` (RFC 7578): a body as fields and files. Works on the whole body, without copying it twice."""

from __future__ import annotations

from email.message import Message
from typing import Dict, List, Optional, Tuple, Union

from ...errors import InvalidInput
from .fields import FileStorage, Headers

MAX_PARTS = 1000  # as werkzeug's
MAX_HEAD_BYTES = 8192  # of one part
MAX_PARAMETERS = 50  # of one header; reading them takes the square of their number


def header_parameters(value: str) -> Dict[str, str]:
    """Read what follows the kind in a header, by name in lower case; of several of one name the first.

    Raises:
        InvalidInput: there are too many, or one is not in the encoding that it names.
    """
    if value.count(";") > MAX_PARAMETERS:
        raise InvalidInput(f"a header of the form has more than {MAX_PARAMETERS} parameters")
    message = Message()
    message["Content-Type"] = value.replace("\r", " ").replace("\n", " ")
    parameters: Dict[str, str] = {}
    try:
        for name, given in message.get_params([])[1:]:
            parameters.setdefault(name.lower(), _text(given))
    except ValueError as error:  # of the encoding, or of the number of a part of a parameter
        raise InvalidInput(f"a header of the form has a parameter that cannot be read: {error}") from error
    return parameters


def read_form(body: bytes, content_type: str) -> Tuple[List[Tuple[str, str]], List[Tuple[str, FileStorage]]]:
    """Return a body's fields and its files, each with its name.

    Raises:
        InvalidInput: there is no boundary, or the body is not what it says, or has more than 1000 parts; or a header
            cannot be read.
    """
    boundary = header_parameters(content_type).get("boundary")
    if not boundary:
        raise InvalidInput("the Content-Type multipart/form-data names no boundary")
    fields: List[Tuple[str, str]] = []
    files: List[Tuple[str, FileStorage]] = []
    for head, content in _parts(body, b"--" + boundary.encode("latin-1", "replace")):
        headers = _headers(head)
        disposition = header_parameters(headers.get("Content-Disposition", ""))
        name, filename = disposition.get("name"), disposition.get("filename")
        if name is None:
            raise InvalidInput(f"part {len(fields) + len(files) + 1} of the form has no name")
        if filename is None:
            fields.append((name, content.decode("utf-8", "replace")))
        else:
            files.append((name, FileStorage(content, filename, name, headers)))
    return fields, files


def _parts(body: bytes, delimiter: bytes) -> List[Tuple[bytes, bytes]]:
    parts: List[Tuple[bytes, bytes]] = []
    place = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if place == 1:
        raise InvalidInput("the form's boundary does not occur in the body")
    while True:
        place += len(delimiter)
        if body.startswith(b"--", place):
            return parts
        if len(parts) == MAX_PARTS:
            raise InvalidInput(f"the form has more than {MAX_PARTS} parts")
        start = body.find(b"\r\n", place)
        end = body.find(b"\r\n" + delimiter, start) if start >= 0 else -1
        if end < 0:
            raise InvalidInput(f"part {len(parts) + 1} of the form does not end")
        head_end = body.find(b"\r\n\r\n", start, min(end + 2, start + MAX_HEAD_BYTES))
        if head_end < 0:
            raise InvalidInput(f"part {len(parts) + 1} of the form has no head, or one of over {MAX_HEAD_BYTES} bytes")
        parts.append((body[start + 2 : head_end], body[head_end + 4 : end]))
        place = end + 2


def _headers(head: bytes) -> Headers:
    lines = head.decode("utf-8", "replace").split("\r\n")
    pairs = [line.partition(":") for line in lines if ":" in line]
    return Headers((name.strip(), value.strip()) for name, _, value in pairs)


def _text(value: Union[str, Tuple[Optional[str], Optional[str], str]]) -> str:
    """Return a parameter as text, also where it says its encoding (RFC 2231)."""
    if isinstance(value, str):
        return value
    charset, _, text = value
    try:
        return str(text).encode("latin-1", "replace").decode(charset or "utf-8", "replace")
    except LookupError:
        return str(text)

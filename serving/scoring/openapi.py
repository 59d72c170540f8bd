"""``/openapi.json``: one OpenAPI 3.1 document of every HTTP door of this image.

Made from the door table, the errors' table and the model's signature, so that it says what they do. (Azure ML's own
``/swagger.json`` describes ``/score`` as Azure does.)
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

import msgspec

from .errors import HTTP_STATUS, InvalidInput, ScoringError
from .http.calls import MOST_MS, TIMEOUT
from .http.messages import Request, Response
from .openapi_contents import Content, Schema, answer_of, body_of, json_content
from .protocol import VERSION
from .runtimes.base import Runtime, ScriptLike

Doors = Mapping[bytes, Mapping[bytes, Callable[..., Any]]]
Word = Callable[[bytes, ScoringError], Response]

OWN = "/-/"  # between this process and its edge and supervisor
ONLY_AT_AN_EDGE = {
    401: "Through an edge: no key, or none of this endpoint's.",
    408: "Through an edge, at /score: no answer within request_timeout_ms.",
    424: "Through an edge, at /score: what this process answers with any status but 200, which is then in the header"
    " ms-azureml-model-error-statuscode.",
}


class OpenApi:
    """The door. ``word`` words an error as the door at a path does; the document is made when it is first asked for."""

    def __init__(self, doors: Doors, word: Word, runtime: Runtime, name: str) -> None:
        self._doors = doors
        self._word = word
        self._runtime = runtime
        self._name = name
        self._document = b""

    async def get(self, request: Request) -> Response:
        if not self._document:
            self._document = msgspec.json.encode(document_of(self._doors, self._word, self._runtime, self._name))
        return Response(200, self._document)


def document_of(doors: Doors, word: Word, runtime: Runtime, name: str) -> Schema:
    """Describe every door but those of our own processes."""
    paths: Dict[str, Schema] = {}
    for path, methods in doors.items():
        text = path.decode()
        if text.startswith(OWN) or (text.endswith("/") and text != "/"):
            continue
        template = text.replace("*", "{name}")
        paths[template] = {
            method.decode().lower(): _operation(method, path, door, word, runtime) for method, door in methods.items()
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": VERSION,
            "description": f"Every HTTP door of this model ({runtime.platform}).",
        },
        "servers": [{"url": "."}],
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An endpoint's key, through an edge."}
            }
        },
    }


def _operation(method: bytes, path: bytes, door: Callable[..., Any], word: Word, runtime: Runtime) -> Schema:
    operation: Schema = {
        "summary": _summary(door),
        "operationId": re.sub(r"\W+", "_", f"{method.decode().lower()}{path.decode()}").strip("_"),
        "parameters": list(_parameters(method, path, runtime)),
        "responses": _responses(path, word, runtime),
    }
    if method == b"POST":
        content = body_of(path.decode(), runtime)
        operation["requestBody"] = {
            "required": content is not None,
            "content": content or json_content({"type": "object"}),
        }
    return operation


def _summary(door: Callable[..., Any]) -> str:
    """Name a door by its class and method: in an image there are no docstrings."""
    return door.__qualname__.replace(".", ": ").replace("_", " ")


def _parameters(method: bytes, path: bytes, runtime: Runtime) -> Iterator[Schema]:
    if b"*" in path:
        segment = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
        yield {"name": "name", "in": "path", "required": True, "schema": segment}
    if path.endswith(b"/infer"):
        yield _number("inference-header-content-length", {"minimum": 0}, _BINARY)
    if method in (b"GET", b"POST") and answer_of(path.decode(), runtime) is not None:
        yield _number(TIMEOUT.decode(), {"minimum": 1, "maximum": MOST_MS}, _TIME)


_BINARY = "Where tensors follow the JSON as bytes: how long the JSON is."
_TIME = "How many milliseconds this request may take, waiting included, if that is less than request_timeout_ms."


def _number(header: str, bounds: Schema, description: str) -> Schema:
    return {"name": header, "in": "header", "schema": {"type": "integer", **bounds}, "description": description}


def _responses(path: bytes, word: Word, runtime: Runtime) -> Schema:
    """An answer, or any error that the table of statuses has, in the shape of this door."""
    error = msgspec.json.decode(word(path, InvalidInput("")).body)
    schema = {"type": "object", "required": list(error), "properties": {key: {"type": "string"} for key in error}}
    described = dict.fromkeys(sorted(set(HTTP_STATUS.values())), "What is wrong.")
    answer: Optional[Content] = answer_of(path.decode(), runtime)
    responses: Schema = {"200": {"description": "The answer.", **({"content": answer} if answer else {})}}
    responses.update(
        {str(status): {"description": text, "content": json_content(schema)} for status, text in described.items()}
    )
    responses.update({str(status): {"description": text} for status, text in ONLY_AT_AN_EDGE.items()})
    if path == b"/score" and isinstance(runtime, ScriptLike):  # a script sets what status it likes
        responses["default"] = {"description": "What the scoring script answered."}
    return responses

"""What inference-schema's decorators say of run(), as documents. The package is the image's: asked, never imported."""

from __future__ import annotations

import inspect
import sys
import traceback
from typing import Any, Callable, Dict, List

ALL_VERSIONS = ["2.0", "3.0", "3.1"]  # of Swagger and OpenAPI, as inference-schema names them
_PACKAGE = "inference_schema"


class Schemas:
    """JSON schemas of what run() takes and gives, each with an example; ``versions`` are those that can hold them."""

    def __init__(self, input_: Dict[str, Any], output: Dict[str, Any], versions: List[str]) -> None:
        self.input = input_
        self.output = output
        self.versions = versions


def undeclared() -> Schemas:
    """Of a run() that says nothing."""
    return Schemas({"type": "object", "example": {}}, {"type": "object", "example": {}}, ALL_VERSIONS)


def is_decorated(run: Callable[..., Any]) -> bool:
    schema_util = sys.modules.get(f"{_PACKAGE}.schema_util")
    return schema_util is not None and bool(schema_util.is_schema_decorated(run))


def schemas_of(run: Callable[..., Any]) -> Schemas:
    """Read the decorators of run()."""
    if not is_decorated(run):
        return undeclared()
    schema_util: Any = sys.modules[f"{_PACKAGE}.schema_util"]
    versions = list(schema_util.get_supported_versions(run))
    return Schemas(schema_util.get_input_schema(run), schema_util.get_output_schema(run), versions)


def refused_by_schema(error: BaseException, run: Callable[..., Any]) -> bool:
    """Say whether a call failed while the decorators converted its arguments, before run() itself was entered."""
    code = getattr(inspect.unwrap(run), "__code__", None)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if any(frame.f_code is code for frame in frames):
        return False
    return any(frame.f_globals.get("__name__", "").split(".")[0] == _PACKAGE for frame in frames)

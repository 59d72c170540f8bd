"""Make the OpenAPI 3.1 document from the routes: what a route does not say is not in it, so it cannot drift."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from registry.api.route import ApiRoute
from registry.core.rest import ErrorBody

_PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")
_REFERENCE = "#/components/schemas/{name}"


def openapi_document(routes: Sequence[ApiRoute], version: str) -> dict[str, Any]:
    """Describe every route; the order is the routes'."""
    records = {kind for route in routes for kind in (route.request, route.response) if _is_record(kind)}
    ordered = [ErrorBody, *sorted(records, key=lambda kind: str(kind.__name__))]
    references, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    schemas = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Slipway workspace API", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: ApiRoute, schemas: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done."}
    if route.response is not None:
        answer["content"] = _content(route.response, schemas)
    error = {"description": "What went wrong.", "content": _content(ErrorBody, schemas)}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {str(route.status): answer, "default": error},
    }
    if route.request is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.request, schemas)}
    return operation


def _path_parameters(route: ApiRoute) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer"} if kind == "int" else {"type": "string"},
        }
        for name, kind in _PARAMETER.findall(route.path)
    ]


def _query_parameters(route: ApiRoute) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    (_, components) = msgspec.json.schema_components([route.query])
    properties = components[route.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _content(kind: Any, schemas: dict[Any, Any]) -> dict[str, Any]:
    if kind is bytes:
        return {"application/octet-stream": {}}
    if kind is str:
        return {"text/plain": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schemas.get(kind, {"type": "object"})}}


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)

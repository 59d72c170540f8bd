"""The frame of /swagger.json's documents, around the schemas of what /score takes and gives."""

from __future__ import annotations

from typing import Any, Dict

from ..runtimes.azureml.schemas import Schemas

_ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
_KEY = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "An endpoint's key: Bearer abc123",
}
_HEALTH, _SCORE, _SWAGGER = "Say that the service is up.", "Score with the model.", "This document."
_OK, _FAILED = "What is asked for.", "What went wrong."


def swagger_document(title: str, version: str, prefix: str, schemas: Schemas) -> Dict[str, Any]:
    """Write Swagger 2.0."""
    failed = {"description": _FAILED, "schema": {"$ref": "#/definitions/ErrorResponse"}}

    def operation(name: str, text: str, answer: Dict[str, Any], **more: Any) -> Dict[str, Any]:
        responses = {"200": {"description": _OK, "schema": answer}, "default": failed}
        return {"operationId": name, "description": text, "responses": responses, **more}

    payload = {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
    asked = {"name": "version", "in": "query", "required": False, "type": "string", "enum": ["2", "3", "3.1"]}
    output = {"$ref": "#/definitions/ServiceOutput"}
    secured: Dict[str, Any] = {"security": [{"Bearer": []}], "parameters": [payload]}
    base = _prefix(prefix)
    return {
        "swagger": "2.0",
        "info": _info(title, version),
        "schemes": ["https", "http"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": _KEY},
        "paths": {
            f"{base}/": {"get": operation("ServiceHealthCheck", _HEALTH, {"type": "string"})},
            f"{base}/score": {"post": operation("RunMLService", _SCORE, output, **secured)},
            f"{base}/swagger.json": {
                "get": operation("GetSwaggerSpec", _SWAGGER, {"type": "object"}, parameters=[asked])
            },
        },
        "definitions": {"ServiceInput": schemas.input, "ServiceOutput": schemas.output, "ErrorResponse": _ERROR},
    }


def openapi_document(title: str, version: str, prefix: str, schemas: Schemas) -> Dict[str, Any]:
    """Write OpenAPI 3.0."""
    failed = _content("application/json", {"$ref": "#/components/schemas/ErrorResponse"}, _FAILED)

    def operation(name: str, text: str, kind: str, answer: Dict[str, Any], **more: Any) -> Dict[str, Any]:
        responses = {"200": _content(kind, answer, _OK), "default": failed}
        return {"operationId": name, "description": text, "responses": responses, **more}

    payload = _content("application/json", {"$ref": "#/components/schemas/ServiceInput"}, "What the model scores.")
    asked = {
        "name": "version",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "enum": ["2", "3", "3.1"]},
    }
    json_, output = "application/json", {"$ref": "#/components/schemas/ServiceOutput"}
    secured: Dict[str, Any] = {"security": [{"Bearer": []}], "requestBody": payload}
    base = _prefix(prefix)
    return {
        "openapi": "3.0.3",
        "info": _info(title, version),
        **({} if base else {"servers": [{"url": "."}]}),
        "paths": {
            f"{base}/": {"get": operation("ServiceHealthCheck", _HEALTH, "text/html", {"type": "string"})},
            f"{base}/score": {"post": operation("RunMLService", _SCORE, json_, output, **secured)},
            f"{base}/swagger.json": {
                "get": operation("GetSwaggerSpec", _SWAGGER, json_, {"type": "object"}, parameters=[asked])
            },
        },
        "components": {
            "schemas": {"ServiceInput": schemas.input, "ServiceOutput": schemas.output, "ErrorResponse": _ERROR},
            "securitySchemes": {"Bearer": _KEY},
        },
    }


def _info(title: str, version: str) -> Dict[str, str]:
    return {"title": title, "description": f"What the machine learning service {title} answers.", "version": version}


def _content(kind: str, schema: Dict[str, Any], description: str) -> Dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _prefix(path: str) -> str:
    return f"/{path.strip('/')}" if path.strip("/") else ""

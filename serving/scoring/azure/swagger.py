"""``GET /swagger.json``: what /score takes and gives, as Swagger 2.0 and OpenAPI 3.0 and 3.1.

A document in the code folder wins; else it is made of inference-schema's decorators, or of the model's signature.
Names that generated clients have in their code (operations, definitions) are those of Azure ML's server. Where they
go says OpenAPI 3 relative to the document, Swagger 2 by the path that the edge tells, without SERVICE_PATH_PREFIX.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional
from urllib.parse import parse_qs

from ..errors import LoadFailed, NotFound
from ..http.messages import Request, Response
from ..runtimes.azureml.schemas import Schemas, undeclared
from ..runtimes.base import BodyLike, Described, Runtime
from .openapi import openapi_document, swagger_document
from .settings import Settings
from .signature_schemas import schemas_of_signature

BASE_HEADER = b"x-slipway-base"  # the edge's: under which path of its own this process is
_VERSIONS = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
_FILES = {"2": ("swagger.json", "swagger2.json"), "3": ("swagger3.json",), "3.1": ("swagger3.1.json",)}
_SCHEMA_VERSIONS = {"2": "2.0", "3": "3.0", "3.1": "3.1"}


class Swagger:
    """The door at ``/swagger.json``. Documents are made once.

    Raises:
        LoadFailed: a document in the code folder is not JSON.
    """

    def __init__(self, runtime: Runtime, name: str, settings: Settings) -> None:
        schemas = schemas_of_runtime(runtime)
        self._documents: Dict[str, bytes] = {}
        self._based: Dict[str, Any] = {}  # what of Swagger 2 is ours to complete with the base
        for version, asked in _SCHEMA_VERSIONS.items():
            document = _users_document(settings.code_dir, _FILES[version])
            if document is None and asked in schemas.versions:
                title = settings.service_name or name
                make = swagger_document if version == "2" else openapi_document
                made = make(title, settings.service_version, settings.service_path_prefix, schemas)
                if version == "3.1":
                    made["openapi"] = "3.1.0"
                if version == "2" and not settings.service_path_prefix.strip("/"):
                    self._based = made
                document = json.dumps(made, default=str).encode()  # an example may be of the author's own type
            if document is not None:
                self._documents[version] = document

    async def get(self, request: Request) -> Response:
        """Answer the version that the query asks for; 2 unless it says another.

        Raises:
            NotFound: there is none of that version.
        """
        asked = parse_qs(request.query.decode("latin-1")).get("version", ["2"])[0]
        there = ", ".join(self._documents)
        if asked not in _VERSIONS:
            raise NotFound(f"Swagger version [{asked}] is not valid. Supported versions: [{there}].")
        document = self._documents.get(_VERSIONS[asked])
        if document is None:
            raise NotFound(
                f"Swagger version [{asked}] is not supported for the scoring script."
                f" Supported swagger versions: [{there}]."
            )
        base = request.headers.get(BASE_HEADER)
        if base and self._based and _VERSIONS[asked] == "2":
            document = json.dumps({**self._based, "basePath": base.decode("latin-1")}, default=str).encode()
        response = Response(200, document)
        response.headers.append((b"x-ms-run-function-failed", b"False"))
        return response


def schemas_of_runtime(runtime: Runtime) -> Schemas:
    """Return what /score takes and gives."""
    if isinstance(runtime, Described):
        return runtime.schemas
    if isinstance(runtime, BodyLike) or runtime.signature is None:
        return undeclared()
    return schemas_of_signature(runtime.signature)


def _users_document(code_dir: Optional[Path], names: "tuple[str, ...]") -> Optional[bytes]:
    found: List[Path] = [code_dir / name for name in names if (code_dir / name).is_file()] if code_dir else []
    if not found:
        return None
    text = found[0].read_bytes()
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoadFailed(f"{found[0].name} in the code folder is not JSON: {error}") from error
    return json.dumps(document).encode()

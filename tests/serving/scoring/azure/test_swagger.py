"""/swagger.json: of the script's author, of inference-schema, or of the model's signature."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from serving.scoring.azure.settings import Settings
from serving.scoring.azure.signature_schemas import schemas_of_signature
from serving.scoring.azure.swagger import BASE_HEADER, Swagger
from serving.scoring.errors import LoadFailed
from serving.scoring.http.messages import Request
from serving.scoring.tensors import Signature, TensorSpec
from tests.serving.scoring.azure.apps import SCRIPTS

Ask = Callable[..., Any]
MIXED = """
from inference_schema.schema_decorators import input_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
def init(): ...
@input_schema('data', StandardPythonParameterType([1, 'a']))
def run(data): return data
"""


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "2.0"),
        ("?version=2", "2.0"),
        ("?version=2.0", "2.0"),
        ("?version=3", "3.0.3"),
        ("?version=3.0", "3.0.3"),
        ("?version=3.1", "3.1.0"),
    ],
)
def test_each_version_is_there_under_its_names(ask_script: Ask, query: str, says: str) -> None:
    document = json.loads(ask_script("GET", f"/swagger.json{query}").body)
    assert (document.get("swagger") or document["openapi"]) == says
    assert document["info"]["title"] == "linear"
    assert sorted(document["paths"]) == ["/", "/score", "/swagger.json"]


def test_a_generated_client_finds_the_endpoint_it_was_made_for(ask_script: Ask) -> None:
    def document(version: str, **headers: str) -> Any:
        return json.loads(ask_script("GET", f"/swagger.json?version={version}", **headers).body)

    at_edge = {"x_slipway_base": "/endpoints/Cancer"}
    plain = document("2")
    assert "basePath" not in plain
    assert document("2", **at_edge) == {**plain, "basePath": "/endpoints/Cancer"}
    for version in ("3", "3.1"):
        assert document(version) == document(version, **at_edge)
        assert document(version)["servers"] == [{"url": "."}]


def test_an_unknown_version_is_refused_with_those_there_are(ask_script: Ask) -> None:
    answer = ask_script("GET", "/swagger.json?version=9")
    assert answer.status == 404
    expected = "Swagger version [9] is not valid. Supported versions: [2, 3, 3.1]."
    assert json.loads(answer.body) == {"message": expected}


def test_a_schema_that_swagger_2_cannot_hold_says_so(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script=MIXED)
    answer = ask("GET", "/swagger.json")
    expected = "Swagger version [2] is not supported for the scoring script. Supported swagger versions: [3, 3.1]."
    assert (answer.status, json.loads(answer.body)) == (404, {"message": expected})
    assert ask("GET", "/swagger.json?version=3").status == 200


def test_the_schema_is_what_the_decorators_say(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script=(SCRIPTS / "numpy_schema.py").read_text())
    schemas = json.loads(ask("GET", "/swagger.json?version=3").body)["components"]["schemas"]
    assert sorted(schemas["ServiceInput"]["properties"]) == ["data", "factor"]
    assert schemas["ServiceInput"]["example"] == {"data": [[10.0, 9.0, 8.0]], "factor": 1.0}
    assert schemas["ServiceOutput"]["format"] == "numpy.ndarray"


def test_a_model_without_code_is_described_by_its_signature(ask_onnx: Ask) -> None:
    schemas = json.loads(ask_onnx("GET", "/swagger.json").body)["definitions"]
    assert schemas["ServiceInput"]["example"] == {"data": [[0.0, 0.0, 0.0]]}
    assert ask_onnx("POST", "/score", schemas["ServiceInput"]["example"]).status == 200
    assert schemas["ServiceOutput"]["items"]["items"] == {"type": "number", "format": "float"}


def test_a_model_of_several_inputs_is_described_by_their_names(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"n": TensorProto.INT64, "s": TensorProto.STRING, "b": TensorProto.BOOL}))
    example = json.loads(ask("GET", "/swagger.json").body)["definitions"]["ServiceInput"]["example"]
    assert ask("POST", "/score", example).status == 200


def test_an_example_stays_small_however_large_the_model_is() -> None:
    signature = Signature([TensorSpec("x", "FP32", [-1, 4000, 4000, 300])], [])
    schemas = schemas_of_signature(signature)
    assert schemas.input["example"] == {"data": [[[[0.0]]]]}
    exact = schemas_of_signature(Signature([TensorSpec("x", "INT64", [-1, 500])], []))
    assert len(exact.input["example"]["data"][0]) == 500


def test_the_authors_documents_win(make_plane: Callable[..., Any], script: str, tmp_path: Path) -> None:
    runtime = make_plane(script=script).runtime
    (tmp_path / "swagger.json").write_text('{"mine": 2}')
    (tmp_path / "swagger2.json").write_text('{"mine": "later"}')
    (tmp_path / "swagger3.json").write_text('{"mine": 3}')
    swagger = Swagger(runtime, "linear", Settings(code_dir=tmp_path))
    documents = swagger._documents
    assert told(swagger, "2") == {"mine": 2}
    assert json.loads(documents["3"]) == {"mine": 3}
    assert json.loads(documents["3.1"])["openapi"] == "3.1.0"


def test_an_authors_document_that_is_no_json_fails_the_load(
    make_plane: Callable[..., Any], script: str, tmp_path: Path
) -> None:
    (tmp_path / "swagger3.json").write_text("{")
    with pytest.raises(LoadFailed, match=r"swagger3\.json in the code folder is not JSON"):
        Swagger(make_plane(script=script).runtime, "linear", Settings(code_dir=tmp_path))


def test_the_service_is_named_as_the_settings_say(make_plane: Callable[..., Any], script: str) -> None:
    settings = Settings(service_name="Cancer", service_version="3", service_path_prefix="/api/")
    swagger = Swagger(make_plane(script=script).runtime, "linear", settings)
    for version in ("2", "3", "3.1"):
        document = told(swagger, version)
        assert (document["info"]["title"], document["info"]["version"]) == ("Cancer", "3")
        assert "/api/score" in document["paths"]
        assert not {"servers", "basePath"} & document.keys()


def told(swagger: Swagger, version: str) -> Any:
    """What is told to who asks through the edge."""
    request = Request(b"GET", f"/swagger.json?version={version}".encode(), {BASE_HEADER: b"/endpoints/linear"}, b"")
    return json.loads(asyncio.run(swagger.get(request)).body)

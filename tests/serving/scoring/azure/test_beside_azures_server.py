"""The same script and the same request at Azure ML's own server and at ours: status, headers and body are compared."""

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.azureml import AzuremlServer, environment
from tests.servers.processes import Absent, require
from tests.serving.scoring.azure.apps import write_app, write_script_image
from tests.serving.scoring.process import Process

# A request: method, target, body, headers.
Asked = tuple[str, str, bytes, dict[str, str]]
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = b'--b\r\nContent-Disposition: form-data; name="team"\r\n\r\nblue\r\n' + (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\x1a\n\r\n--b--\r\n"
)
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
VARIABLES = {"SERVICE_NAME": "cancer", "AML_CORS_ORIGINS": "https://app.example, https://.*[.]test.example"}

ASKED: dict[str, dict[str, Asked]] = {
    "odd.py": {
        "health": ("GET", "/", b"", {}),
        "text": ("POST", "/score", b'{"data": 1}', JSON),
        "text of no type": ("POST", "/score", "ü".encode(), {}),
        "text of any type": ("POST", "/score", b"a,b", {"content-type": "text/csv"}),
        "form": ("POST", "/score", b"a=1", FORM),
        "not UTF-8": ("POST", "/score", b"\xff", JSON),
        "parameters": ("GET", "/score?a=1&b=x&b=2&c=&d=[1]&e=null", b"", {}),
        "raise": ("POST", "/score", b"raise", JSON),
        "set": ("POST", "/score", b"set", JSON),
        "none": ("POST", "/score", b"none", JSON),
        "nan": ("POST", "/score", b"nan", JSON),
        "headers": ("POST", "/score", b"headers", {**JSON, "x-tenant": "acme"}),
        "options": ("OPTIONS", "/score", b"", {}),
        "head": ("HEAD", "/score", b"", {}),
        "put": ("PUT", "/score", b"", {}),
        "delete": ("DELETE", "/score", b"", {}),
        "unknown path": ("GET", "/nothing", b"", {}),
        "post to swagger": ("POST", "/swagger.json", b"", {}),
        "ids": ("POST", "/score", b"x", {"x-request-id": "r1", "x-ms-client-request-id": "c1"}),
        "legacy id": ("POST", "/score", b"x", {"x-request-id": "r1", "x-ms-request-id": "m1"}),
        "three ids": (
            "POST",
            "/score",
            b"x",
            {"x-request-id": "r", "x-ms-request-id": "m", "x-ms-client-request-id": "c"},
        ),
        "ids of an error": ("POST", "/score", b"raise", {"x-request-id": "r1", "x-ms-client-request-id": "c1"}),
        "long id": ("POST", "/score", b"x", {"x-request-id": "r" * 101}),
        "long client id": ("POST", "/score", b"x", {"x-request-id": "r", "x-ms-client-request-id": "c" * 101}),
        "trace": ("POST", "/score", b"x", {"TraceId": "t1"}),
        "origin": ("POST", "/score", b"x", {"origin": "https://app.example"}),
        "origin by a pattern": ("POST", "/score", b"x", {"origin": "https://a.test.example"}),
        "foreign origin": ("POST", "/score", b"x", {"origin": "https://evil.example"}),
        "preflight": (
            "OPTIONS",
            "/score",
            b"",
            {
                "origin": "https://app.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "Authorization",
            },
        ),
        "swagger of an undecorated script": ("GET", "/swagger.json", b"", {}),
        "slow": ("POST", "/score", b"slow", JSON),  # the last one: it may hold up the next
    },
    "numpy_schema.py": {
        "named": ("POST", "/score", b'{"data": [[1, 2, 3]], "factor": 2}', JSON),
        "default": ("POST", "/score", b'{"data": [[1, 2, 3]], "other": 1}', JSON),
        "any JSON": (
            "POST",
            "/score",
            b'{"data": [[1, 2, 3]]}',
            {"content-type": "application/x.y+json; charset=utf-8"},
        ),
        "parameters": ("GET", "/score?data=[[1,2,3]]&factor=2", b"", {}),
        "no type": ("POST", "/score", b'{"data": [[1, 2, 3]]}', {}),
        "wrong type": ("POST", "/score", b'{"data": [[1, 2, 3]]}', {"content-type": "text/plain"}),
        "empty": ("POST", "/score", b"", JSON),
        "no JSON": ("POST", "/score", b"{", JSON),
        "no dictionary": ("POST", "/score", b"[1]", JSON),
        "missing": ("POST", "/score", b"{}", JSON),
        "missing parameter": ("GET", "/score", b"", {}),
        "wrong shape": ("POST", "/score", b'{"data": [[1, 2]]}', JSON),
        "swagger": ("GET", "/swagger.json", b"", {}),
        "swagger 2.0": ("GET", "/swagger.json?version=2.0", b"", {}),
        "swagger 3": ("GET", "/swagger.json?version=3", b"", {}),
        "swagger 3.1": ("GET", "/swagger.json?version=3.1", b"", {}),
        "swagger 9": ("GET", "/swagger.json?version=9", b"", {}),
    },
    "pandas_schema.py": {
        "frame": ("POST", "/score", b'{"Inputs": [{"age": 1, "city": "Ulm", "income": 2.5}]}', JSON),
        "reordered": ("POST", "/score", b'{"Inputs": [{"city": "Ulm", "income": 2.5, "age": 1}]}', JSON),
        "swagger": ("GET", "/swagger.json?version=3", b"", {}),
    },
    "raw.py": {
        "bytes": ("POST", "/score", b"\x00\xff", {"content-type": "image/png"}),
        "files": ("POST", "/score", PARTS, MULTIPART),
        "get": ("GET", "/score?a=1", b"", {}),
        "options": ("OPTIONS", "/score", b"", {}),
        "head": ("HEAD", "/score", b"", {}),
        "put": ("PUT", "/score", b"", {}),
        "swagger": ("GET", "/swagger.json", b"", {}),
    },
    "raw_new.py": {
        "parts": ("POST", "/score?a=1&a=2&n=5&b=%C3%BC", b"hello", {"x-tenant": "t", "cookie": "k=v; l=w"}),
        "json": ("POST", "/score?part=json", b'{"a": 1}', JSON),
        "bad json": ("POST", "/score?part=json", b"{", JSON),
        "json of another type": ("POST", "/score?part=json", b"{}", {"content-type": "text/plain"}),
        "silent": ("POST", "/score?part=silent", b"{", {}),
        "form": ("POST", "/score?part=form", b"name=a&name=b&x=%20", FORM),
        "form without the key": ("POST", "/score?part=form", b"x=1", FORM),
        "fail": ("POST", "/score?part=fail", b"", {}),
        "said": ("POST", "/score?part=said", b"", {}),
        "none": ("POST", "/score?part=none", b"", {}),
        "empty": ("POST", "/score?part=empty", b"", {}),
        "ids": ("POST", "/score?part=ids", b"", {"x-request-id": "r1"}),
        "raise": ("POST", "/score?part=raise", b"", {}),
        "set": ("POST", "/score?part=set", b"", {}),
    },
}

# What differs on purpose: (script, request) → why.
ON_PURPOSE = {
    ("odd.py", "form"): "Flask eats the form, and run() gets ''; here it gets the body, which is what curl -d sent",
    ("odd.py", "head"): "a 405 says in Allow what is allowed (RFC 9110)",
    ("raw.py", "put"): "the message says what is allowed",
    ("odd.py", "put"): "the message says what is allowed",
    ("odd.py", "delete"): "the message says what is allowed",
    ("odd.py", "post to swagger"): "the message says what is allowed",
    ("odd.py", "unknown path"): "the message says which path",
    ("odd.py", "long id"): "an id that is too long is echoed, cut",
    ("odd.py", "long client id"): "an id that is too long is echoed as it is on every other error",
    ("numpy_schema.py", "wrong shape"): "a client's mistake is 400 and says what does not fit, where Azure says 500",
    ("raw_new.py", "bad json"): "a client's mistake is 400 and says what is wrong, where Azure says 500",
    ("raw_new.py", "json of another type"): "the same, as 415",
    ("raw_new.py", "form without the key"): "the same, as 400",
}
COMPARED = {
    "content-type",
    "x-request-id",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "x-ms-run-function-failed",
    "traceid",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "allow",
    "x-length",
    "x-two",
    "x-own",
}


CASES = [(script, name) for script, asked in ASKED.items() for name in asked]
Pairs = Callable[[str], tuple[str, str]]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """The addresses of both servers with a script, started when it is first asked for."""
    with ExitStack() as stack:

        @functools.cache
        def pair(script: str) -> tuple[str, str]:
            folder = tmp_path_factory.mktemp("beside")
            variables = {**VARIABLES, "SCORING_TIMEOUT_MS": "1000"}
            ours = Process(write_script_image(folder / "image", script), environment=variables)
            stack.callback(ours.close)
            app = write_app(folder / "app", script)
            try:
                azures = AzuremlServer(app, {**variables, "AZUREML_MODEL_DIR": str(app.parent)})
            except Absent as reason:
                require(reason)
            stack.callback(azures.close)
            return azures.address, ours.http

        yield pair


@pytest.mark.parametrize(("script", "name"), CASES, ids=[f"{script}: {name}" for script, name in CASES])
def test_both_servers_answer_alike_but_for_what_is_on_purpose(pairs: Pairs, script: str, name: str) -> None:
    azures, ours = (answer_of(address, ASKED[script][name]) for address in pairs(script))
    if (script, name) in ON_PURPOSE:
        assert ours != azures, "it differs no longer: take it out of the table"
    else:
        assert ours == azures


def test_a_script_in_an_image_that_has_azures_server_gets_its_classes(tmp_path: Path) -> None:
    try:
        python = str(environment() / "bin" / "python")
    except Absent as reason:
        require(reason)
    process = Process(write_script_image(tmp_path / "image", "whose.py"), python=python)
    try:
        answer = httpx.post(f"http://{process.http}/score", content=b"x")
        assert answer.json() == {
            "AMLRequest": "azureml_inference_server_http.api.aml_request",
            "AMLResponse": "azureml_inference_server_http.api.aml_response",
            "file": str(Path(python).parents[1] / "lib"),
            "got": "flask.wrappers.Request",
        }
    finally:
        process.close()


def answer_of(address: str, asked: Asked) -> dict[str, Any]:
    """What a client can see of an answer, less what is random or names the server."""
    method, target, body, headers = asked
    with httpx.Client(trust_env=False) as client:
        request = client.build_request(method, f"http://{address}{target}", content=body or None, headers=headers)
        answer = client.send(request)
    shown = {name: value for name, value in answer.headers.items() if name in COMPARED}
    if "origin" not in headers:  # flask-cors answers every origin to who names none, and nobody reads it
        shown.pop("access-control-allow-origin", None)
    for name in ("x-request-id", "x-ms-request-id"):
        if name in shown and shown[name] not in headers.values():
            shown[name] = "made"
    return {
        "status": answer.status_code,
        "took": "x-ms-run-fn-exec-ms" in answer.headers,
        **shown,
        "body": body_of(answer),
    }


def body_of(answer: httpx.Response) -> Any:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return answer.content
    document = json.loads(answer.content) if answer.content else ""
    if isinstance(document, dict) and "info" in document:
        return swagger_of(document)
    return {k: v for k, v in document.items() if k != "url"} if isinstance(document, dict) else json.dumps(document)


def swagger_of(document: dict[str, Any]) -> Any:
    """What a generated client has in its code, whatever the descriptions say."""
    operations = {
        (path, method): (operation["operationId"], sorted(operation["responses"]))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    schemas = document.get("definitions") or document["components"]["schemas"]
    version = document.get("swagger") or document["openapi"]
    return version, document["info"]["title"], document["info"]["version"], operations, schemas

"""Unmodified scripts in the style of Azure ML's documentation, served by real processes, asked by curl and httpx."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.servers.processes import Absent, require
from tests.serving.scoring.azure.apps import write_script_image
from tests.serving.scoring.process import Process

Serve = Callable[..., Process]
ROWS = json.dumps({"data": [[1, 2, 3]]})


@pytest.fixture
def serve(tmp_path: Any) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(name: str, files: dict[str, str] | None = None, **environment: str) -> Process:
            root = write_script_image(tmp_path / "image", name)
            for path, text in (files or {}).items():
                (root / "var/azureml-app" / path).write_text(text)
            process = Process(root, environment=environment)
            stack.callback(process.close)
            return process

        yield start


def curl(process: Process, *arguments: str, path: str = "/score") -> Any:
    if shutil.which("curl") is None:
        require(Absent("there is no curl: apt install curl"))
    command = ["curl", "--silent", "--show-error", "--fail-with-body", *arguments, f"http://{process.http}{path}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)


def test_a_model_of_joblibs_is_loaded_and_asked_as_curl_asks(serve: Serve) -> None:
    process = serve("plain.py")
    assert curl(process, "--data", ROWS) == [[-6.5]]  # which sends it as a form's type
    assert curl(process, "--json", ROWS) == [[-6.5]]
    assert httpx.post(f"http://{process.http}/score", json=json.loads(ROWS), headers={"x-request-id": "r7"}).json()
    log = process.log_text()
    assert " I [" in log
    assert "root - Init complete" in log
    assert "slipway.scoring.print r7 - rows: 1" in log
    assert "root r7 - Request received" in log


def test_a_raw_script_is_sent_a_picture_and_a_form(serve: Serve, tmp_path: Any) -> None:
    process = serve("raw.py")
    (tmp_path / "a.png").write_bytes(bytes(range(256)))
    sent = ("--form", f"image=@{tmp_path / 'a.png'};type=image/png", "--form", "team=blue")
    expected = {"name": "a.png", "type": "image/png", "bytes": 256, "sum": sum(range(256)) % 251, "team": "blue"}
    assert curl(process, *sent) == expected
    with (tmp_path / "a.png").open("rb") as file:
        answer = httpx.post(
            f"http://{process.http}/score", files={"image": ("a.png", file, "image/png")}, data={"team": "blue"}
        )
    assert answer.json() == expected
    got = httpx.get(f"http://{process.http}/score?a=1")
    assert (got.text, got.headers["content-type"]) == ("URL: /score?a=1", "text/html; charset=utf-8")


def test_an_array_and_a_frame_are_converted(serve: Serve) -> None:
    process = serve("numpy_schema.py")
    assert curl(process, "--json", ROWS) == [[-6.5]]
    swagger = curl(process, path="/swagger.json?version=3")
    assert curl(process, "--json", json.dumps(swagger["components"]["schemas"]["ServiceInput"]["example"])) == [[-3.5]]


def test_a_frame_is_converted(serve: Serve) -> None:
    body = {"Inputs": [{"age": 1, "city": "Ulm", "income": 2.5}]}
    assert curl(serve("pandas_schema.py"), "--json", json.dumps(body)) == {"Results": [4.5], "names": ["Ulm"]}


def test_the_settings_of_an_app_take_effect(serve: Serve) -> None:
    process = serve(
        "odd.py",
        {"config.json": '{"SCORING_TIMEOUT_MS": 200, "SERVICE_NAME": "Cancer"}'},
        AML_CORS_ORIGINS="https://app.example",
    )
    answer = httpx.post(f"http://{process.http}/score", content=b"x", headers={"origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert curl(process, path="/swagger.json")["info"]["title"] == "Cancer"
    late = httpx.post(f"http://{process.http}/score", content=b"slow")
    assert (late.status_code, late.json()) == (500, {"message": "Scoring timeout after 200 ms"})

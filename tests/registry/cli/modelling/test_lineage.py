"""What the command tells of lineage, and what it does when telemetry is away."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import mlflow
import pytest

from registry.client import Client
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.imaging.images import Image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    return lambda *words: slipway(*words, SLIPWAY_URL=url)


@pytest.fixture
def served(url: str, image: Image) -> Iterator[str]:
    """A run that read a dataset and made cancer:1, which cancer/blue begins to serve."""
    mlflow.set_tracking_uri(url)
    with mlflow.start_run(experiment_id="0") as run:
        mlflow.log_text("weights", "model/model.txt")
    data = mlflow.entities.Dataset("rows", "d1234", "http", "{}")
    mlflow.MlflowClient().log_inputs(run.info.run_id, [mlflow.entities.DatasetInput(data, [])])
    with Client(url) as client:
        client.models.register("cancer", run.info.run_id, "model")
        client.endpoints.create("cancer", EndpointDocument())
        blue = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
        client.deployments.create("cancer", "blue", blue)
    yield run.info.run_id
    mlflow.set_tracking_uri("")


@pytest.fixture
def telemetry(url: str) -> Iterator[list[str]]:
    """A telemetry process that counted five requests; the list fills with the revisions it is asked for."""
    asked: list[str] = []
    row = {"backend": "cancer.blue.1", "requests": 5, "failures": 1, "last_ms": 1_795_466_997_878, "p50_ms": 3}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.extend(parse_qs(urlsplit(self.path).query)["backends"])
            body = json.dumps({"rows": [row]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with Client(url) as client:
        client.services.announce("telemetry", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_tells_how_much_each_version_was_asked(ask: Slipway, served: str, telemetry: list[str]) -> None:
    shown = ask("model", "show", "cancer")
    for text in (
        "cancer-onnx:1",
        "cancer/blue revision 1 (starting)",
        "5, 1 failed, the last 2026-11-23",
        "rows d1234",
    ):
        assert text in shown.stdout
    assert telemetry == ["cancer.blue.1"]
    found = json.loads(ask("model", "show", "cancer", "-o", "json").stdout)
    assert [(one["backend"], one["requests"]) for one in found["requests"]] == [("cancer.blue.1", 5)]
    assert ask("endpoint", "delete", "cancer", "--yes").returncode == 0
    assert "cancer/blue revision 1 (deleted)" in ask("model", "show", "cancer").stdout


def test_without_telemetry_the_rest_is_told(ask: Slipway, served: str) -> None:
    shown = ask("model", "show", "cancer")
    assert (shown.returncode, "cancer/blue" in shown.stdout) == (0, True)
    assert "requests are not counted: the telemetry has not announced itself" in shown.stderr
    assert json.loads(ask("model", "show", "cancer", "-o", "json").stdout)["requests"] is None


def test_a_run_tells_what_came_of_it(ask: Slipway, served: str) -> None:
    shown = ask("run", "show", served).stdout
    assert "made cancer:1" in shown
    assert "in cancer-onnx:1; used by cancer/blue revision 1 (starting)" in shown


def test_a_dataset_tells_what_came_of_it(ask: Slipway, served: str) -> None:
    shown = ask("model", "made-from", "d1234").stdout
    for text in ("cancer:1", "rows", served[:12], "cancer-onnx:1", "cancer/blue"):
        assert text in shown
    assert json.loads(ask("model", "made-from", "d1234", "-o", "json").stdout)["runs"][0]["run_id"] == served
    missing = ask("model", "made-from", "nope")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "no run has read" in missing.stderr

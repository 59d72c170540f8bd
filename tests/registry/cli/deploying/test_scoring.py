import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from registry.client import Client

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def asked(url: str) -> Iterator[list[dict[str, Any]]]:
    """What an edge was asked; it answers the body, or 404 for an endpoint that it does not know."""
    seen: list[dict[str, Any]] = []

    class Edge(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append({"path": self.path, "body": body, **self.headers})
            self.send_response(200 if self.path == "/endpoints/cancer/score" else 404)
            self.send_header("x-request-id", "r-7")
            self.send_header("azureml-model-deployment", "blue")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Edge)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with Client(url) as client:
        client.services.announce("edge", f"http://127.0.0.1:{server.server_port}")
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def score(slipway: Slipway, url: str) -> Slipway:
    return lambda *words, **more: slipway("score", *words, SLIPWAY_URL=url, SLIPWAY_KEY="secret", **more)


def test_the_answer_is_printed_alone(score: Slipway, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"data": [[2]]}')
    assert score("cancer", "-d", '{"data": [[1]]}').stdout == '{"data": [[1]]}\n'
    assert score("cancer", "-d", f"@{tmp_path}/rows.json").stdout == '{"data": [[2]]}\n'
    assert score("cancer", "-d", "-", stdin='{"data": [[3]]}').stdout == '{"data": [[3]]}\n'


def test_the_key_and_the_deployment_travel_as_headers(score: Slipway, asked: list[dict[str, Any]]) -> None:
    score("cancer", "-d", "{}", "--deployment", "green")
    score("cancer", "-d", "{}", "--key", "other")
    assert [one["authorization"] for one in asked] == ["Bearer secret", "Bearer other"]
    assert [one.get("azureml-model-deployment") for one in asked] == ["green", None]


def test_another_answer_than_200_exits_with_1_and_names_the_request(
    score: Slipway, asked: list[dict[str, Any]]
) -> None:
    done = score("tumour", "-d", "[no such endpoint]")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: tumour answered 404: [no such endpoint] (request r-7)\n"


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"code": "not_found", "message": "no such endpoint", "request_id": "r-7"}}',
        '{"error": "no such endpoint"}',
        '{"message": "no such endpoint"}',
        "no such endpoint",
    ],
)
def test_an_error_is_told_plainly_in_whatever_shape_it_comes(
    score: Slipway, asked: list[dict[str, Any]], body: str
) -> None:
    assert score("tumour", "-d", body).stderr == "error: tumour answered 404: no such endpoint (request r-7)\n"


def test_what_a_failed_script_hides_is_said_to_be_in_the_logs(score: Slipway, asked: list[dict[str, Any]]) -> None:
    said = "An unexpected error occurred in scoring script. Check the logs for more info."
    assert score("tumour", "-d", f'{{"message": "{said}"}}').stderr == (
        f"error: tumour answered 404: {said} (request r-7); see slipway logs tumour/blue\n"
    )


@pytest.mark.parametrize("body", ["[1]", '{"reason": 1}', '{"error": {}}'])
def test_an_error_in_no_known_shape_is_told_as_it_is(score: Slipway, asked: list[dict[str, Any]], body: str) -> None:
    assert score("tumour", "-d", body).stderr == f"error: tumour answered 404: {body} (request r-7)\n"


def test_an_edge_that_has_not_announced_itself_is_one_line(score: Slipway) -> None:
    done = score("cancer", "-d", "{}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the edge has not announced itself" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["can\ncer", "-d", "{}"], "invalid endpoint name"),
        (["cancer", "-d", "{}", "--deployment", "grün"], "invalid deployment name 'grün'"),
        (["cancer", "-d", "{}", "--key", "schlüssel"], "--key: a key is printable ASCII"),
        (["cancer", "-d", "{}", "--key", "a b"], "--key: a key is printable ASCII"),
        (["cancer", "-d", "@nowhere.json"], "cannot read nowhere.json"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(
    score: Slipway, asked: list[dict[str, Any]], arguments: list[str], said: str
) -> None:
    done = score(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n"), asked) == (2, "", 1, [])
    assert said in done.stderr

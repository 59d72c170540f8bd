"""A real process from its announcement to its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc


def test_ready_is_announced_when_both_ports_answer(start: Callable[..., Any], linear: bytes) -> None:
    process = start("--backend", "linear.blue.1", model=linear)
    assert process.announced.count(b"\n") == 1
    assert process.news == {
        "protocol": 1,
        "state": "ready",
        "http_port": process.news["http_port"],
        "grpc_port": process.news["grpc_port"],
        "pid": process.child.pid,
        "provider": "CPUExecutionProvider",
    }
    status = httpx.get(f"http://{process.http}/-/status").json()
    assert status["state"] == "ready"
    assert status["backend"] == "linear.blue.1"
    assert status["provider"] == "CPUExecutionProvider"
    assert status["rss_bytes"] > 1_000_000
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        assert client.is_server_ready()


def test_a_failing_init_is_announced_by_its_own_line(start: Callable[..., Any]) -> None:
    process = start(script="def init():\n    raise ValueError('no such column')\ndef run(data): ...\n")
    error = "init() of score.py failed: ValueError: no such column (score.py:2)"
    assert process.news == {"protocol": 1, "state": "failed", "error": error}
    assert process.child.wait(10) == 3
    assert "Traceback" in process.log_text()


def test_a_script_that_does_not_parse_is_announced_by_its_line(start: Callable[..., Any]) -> None:
    process = start(script="def init():\n    pass\ndef run(data)\n")
    assert process.news["error"] == "score.py could not be loaded: SyntaxError: expected ':' (score.py:3)"
    assert process.child.wait(10) == 3


def test_a_script_that_exits_in_init_fails_to_load(start: Callable[..., Any]) -> None:
    process = start(script="import sys\ndef init():\n    sys.exit(0)\ndef run(data): ...\n")
    assert process.news["error"] == "init() of score.py failed: SystemExit: 0 (score.py:3)"
    assert process.child.wait(10) == 3


def test_a_taken_port_is_announced(start: Callable[..., Any], linear: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--http-port", str(port), model=linear)
    assert process.news["error"] == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert process.child.wait(10) == 3


def test_an_image_without_a_description_fails_to_load(start: Callable[..., Any], linear: bytes, tmp_path: Any) -> None:
    process = start("--root", str(tmp_path), model=linear)
    assert process.news["error"].startswith(f"cannot read the image's description {tmp_path}/image.json")


def test_the_end_of_stdin_ends_the_process(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear)
    process.child.stdin.close()
    assert process.child.wait(10) == 0


def test_sigterm_lets_requests_in_flight_finish(start: Callable[..., Any]) -> None:
    process = start(script="import sys, time\ndef init(): ...\ndef run(data):\n    time.sleep(0.5)\n    return data\n")
    answers: list[httpx.Response] = []
    client = threading.Thread(target=lambda: answers.append(httpx.post(f"http://{process.http}/score", content=b"x")))
    client.start()
    while httpx.get(f"http://{process.http}/-/status").json()["in_flight"] == 0:
        pass
    process.child.send_signal(signal.SIGTERM)
    assert process.child.wait(10) == 0
    client.join(10)
    assert (answers[0].status_code, answers[0].json()) == (200, "x")
    assert answers[0].headers["connection"] == "close"


def test_idle_connections_do_not_hold_up_the_end(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear)
    with httpx.Client() as client:
        client.get(f"http://{process.http}/")
        process.child.send_signal(signal.SIGTERM)
        assert process.child.wait(5) == 0


def test_the_ports_answer_to_the_edge_only(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear, environment={"SLIPWAY_EDGE_SECRET": "s3cret"})
    assert httpx.get(f"http://{process.http}/").status_code == 403
    assert httpx.get(f"http://{process.http}/", headers={"x-slipway-edge": "s3cret"}).status_code == 200
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        try:
            client.is_server_live()
        except tritonclient.grpc.InferenceServerException as error:
            assert error.status() == "StatusCode.PERMISSION_DENIED"
        assert client.is_server_live(headers={"x-slipway-edge": "s3cret"})


def test_what_a_script_prints_is_logged_and_never_reaches_the_announcement(start: Callable[..., Any]) -> None:
    process = start(script="def init():\n    print('hello', 'there')\ndef run(data): ...\n")
    assert json.loads(process.announced)["state"] == "ready"
    assert "slipway.scoring.print - hello there" in process.log_text()


def test_the_end_of_stdin_ends_a_process_that_is_still_loading(make_image: Callable[..., Path], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "loading")
    script = f"import threading\nopen({str(tmp_path / 'loading')!r}, 'w').close()\nthreading.Event().wait()\n"
    root = make_image(script=script)
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "serving.scoring", "--root", str(root), "--announce-fd", str(writing)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[writing],
    )
    os.close(writing)
    try:
        (tmp_path / "loading").read_bytes()  # returns when the script has begun to load
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(10) == 0
        with os.fdopen(reading, "rb") as pipe:
            assert pipe.read() == b""
    finally:
        child.kill()
        child.wait()


def test_errors_that_are_no_text_are_announced_and_answered(start: Callable[..., Any]) -> None:
    process = start(script="def init():\n    raise ValueError(chr(0xd800))\ndef run(data): ...\n")
    assert process.news["error"] == "init() of score.py failed: ValueError: \\ud800 (score.py:2)"
    assert process.child.wait(10) == 3


def test_a_script_that_raises_no_text_is_answered_over_grpc(start: Callable[..., Any]) -> None:
    process = start(script="def init(): ...\ndef run(data): raise ValueError(chr(0xd800) + chr(0x1f600) * 5000)\n")
    tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.zeros([1, 1], dtype=np.float32))
    with (
        tritonclient.grpc.InferenceServerClient(process.grpc) as client,
        pytest.raises(tritonclient.grpc.InferenceServerException) as raised,
    ):
        client.infer("linear", [tensor])
    assert raised.value.status() == "StatusCode.INTERNAL"
    assert raised.value.message().startswith("the scoring script raised ValueError: \\ud800")


SEES = """
import json, os, subprocess, sys

def init():
    global child
    child = subprocess.check_output([sys.executable, "-c", "import os; print(dict(os.environ))"], text=True)

def run(data, request_headers):
    return [dict(os.environ), child, request_headers]
"""


def test_a_script_and_its_children_do_not_see_the_edges_secret(start: Callable[..., Any]) -> None:
    process = start(script=SEES, environment={"SLIPWAY_EDGE_SECRET": "s3cret", "MINE": "mine"})
    headers = {"x-slipway-edge": "s3cret", "x-tenant": "acme"}
    answer = httpx.post(f"http://{process.http}/score", content=b"", headers=headers).raise_for_status()
    assert "s3cret" not in answer.text
    assert answer.text.count("mine") == 2
    tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.zeros([1, 1], dtype=np.float32))
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        (text,) = client.infer("linear", [tensor], headers=headers).as_numpy("output_0")
    assert b"acme" in text
    assert b"s3cret" not in text

"""What a container gives the scoring process: variables for its ports, and a health check that asks it."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx

from tests.servers.processes import free_port


def probe(port: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "serving.scoring.probe"],
        env={**os.environ, "SLIPWAY_HTTP_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ports_come_from_variables_and_the_health_check_finds_them(start: Callable[..., Any], linear: bytes) -> None:
    http, grpc = free_port(), free_port()
    variables = {"SLIPWAY_HOST": "127.0.0.1", "SLIPWAY_HTTP_PORT": str(http), "SLIPWAY_GRPC_PORT": str(grpc)}
    process = start(model=linear, environment=variables)
    assert (process.news["http_port"], process.news["grpc_port"]) == (http, grpc)
    assert httpx.get(f"http://127.0.0.1:{http}/-/ready").is_success
    assert probe(http).returncode == 0


def test_a_process_that_does_not_answer_is_not_healthy() -> None:
    done = probe(free_port())
    assert done.returncode == 1
    assert done.stderr == "the scoring process does not answer: [Errno 111] Connection refused\n"


def test_an_argument_is_stronger_than_a_variable(start: Callable[..., Any], linear: bytes) -> None:
    wanted = free_port()
    process = start("--http-port", str(wanted), model=linear, environment={"SLIPWAY_HTTP_PORT": "1"})
    assert process.news["http_port"] == wanted

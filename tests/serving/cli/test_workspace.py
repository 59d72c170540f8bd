import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.embedded.paths import workspace_paths
from serving.embedded.ports import free_ports

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

SLIPWAY = str(Path(sys.executable).with_name("slipway"))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A workspace's folder; what it left elsewhere is removed."""
    home = tmp_path / "workspace"
    yield home
    shutil.rmtree(workspace_paths(home).runtime, ignore_errors=True)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("how", [[], ["--detach"]], ids=["here", "detached"])
def test_a_taken_port_is_one_line_with_its_holder_and_the_option(home: Path, taken: int, how: list[str]) -> None:
    registry, controller, telemetry, http = free_ports(4)
    ports = {"registry": registry, "controller": controller, "telemetry": telemetry, "http": http, "grpc": taken}
    options = [f"--{name}-port={port}" for name, port in ports.items()]
    typed = [SLIPWAY, "up", f"--dir={home}", *options, *how]
    done = subprocess.run(typed, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"error: port {taken} (grpc) is taken by ")
    assert f"(pid {os.getpid()})" in done.stderr
    assert "--grpc-port" in done.stderr
    assert not list(home.glob("run/*"))


@pytest.mark.parametrize("port", ["0", "65536", "many"])
def test_a_port_that_cannot_be_is_refused(slipway: Slipway, port: str) -> None:
    done = slipway("up", "--http-port", port)
    assert done.returncode == 2
    assert "--http-port" in done.stderr


@pytest.mark.parametrize("output", ["table", "json"])
def test_the_status_of_no_workspace_says_how_to_start_one(slipway: Slipway, tmp_path: Path, output: str) -> None:
    done = slipway("status", "--output", output)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: there is no workspace in {tmp_path}/workspace: start one with `slipway up`\n"


def test_the_folder_option_beats_the_environment(slipway: Slipway, tmp_path: Path) -> None:
    assert f"{tmp_path}/other" in slipway("status", "--dir", f"{tmp_path}/other").stderr


def test_there_is_nothing_to_stop_where_nothing_runs(slipway: Slipway, tmp_path: Path) -> None:
    done = slipway("down")
    assert (done.returncode, done.stdout.replace("\n", "")) == (0, f"nothing was running in {tmp_path}/workspace")

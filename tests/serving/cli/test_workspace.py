import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from serving.cluster.head import RayPorts
from serving.embedded.paths import workspace_paths
from serving.embedded.plan import Ports, WorkspaceFile
from serving.embedded.ports import free_ports
from serving.embedded.workspace import UpState
from serving.node.proc import start_ticks

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


@pytest.mark.parametrize("command", [["up"], ["up", "--detach"]], ids=" ".join)
@pytest.mark.parametrize("inside", ["", "/below"], ids=["file", "below"])
def test_a_file_in_the_folders_place_is_one_line(
    slipway: Slipway, tmp_path: Path, command: list[str], inside: str
) -> None:
    (tmp_path / "file").touch()
    done = slipway(*command, "--dir", f"{tmp_path}/file{inside}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ")
    assert "--dir" in done.stderr
    assert slipway("down", "--dir", f"{tmp_path}/file{inside}").returncode == 0
    assert "there is no workspace" in slipway("status", "--dir", f"{tmp_path}/file{inside}").stderr


def test_equal_ports_are_refused_before_anything_is_made(slipway: Slipway, tmp_path: Path) -> None:
    done = slipway("up", "--http-port", "9000", "--grpc-port", "9000")
    said = "error: --http-port and --grpc-port are both 9000: give each a port of its own\n"
    assert (done.returncode, done.stderr) == (2, said)
    assert not (tmp_path / "workspace").exists()


def remember(home: Path, ports: Ports) -> None:
    home.mkdir()
    known = WorkspaceFile(instance="mark", url="", ports=ports, ray=RayPorts(gcs=1, client=2, agent=3))
    (home / "workspace.json").write_bytes(msgspec.json.encode(known))


def test_the_ports_of_last_time_are_taken_again(slipway: Slipway, home: Path, taken: int) -> None:
    registry, controller, telemetry, http = free_ports(4)
    remember(home, Ports(registry=registry, controller=controller, telemetry=telemetry, http=http, grpc=taken))
    assert f"port {taken} (grpc) is taken by " in slipway("up").stderr
    assert f"port {taken} (http) is taken by " in slipway("up", f"--http-port={taken}", f"--grpc-port={http}").stderr


@pytest.mark.parametrize(("stopping", "said"), [(False, "is up already"), (True, "is being stopped")])
def test_a_workspace_that_is_held_is_left_alone_with_its_log(
    slipway: Slipway, home: Path, stopping: bool, said: str
) -> None:
    remember(home, Ports())
    (home / "logs").mkdir()
    (home / "logs" / "up.log").write_text("what the holder said\n")
    pid = os.getppid()
    state = UpState(pid=pid, start_ticks=start_ticks(pid), states={}, stopping=stopping)
    (home / "up.json").write_bytes(msgspec.json.encode(state))
    done = slipway("up", "--detach")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{said} (pid {pid})" in done.stderr
    assert (home / "logs" / "up.log").read_text() == "what the holder said\n"

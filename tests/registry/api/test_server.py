"""The registry as a process."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from registry.api.server import places

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

PROGRAM = """
import sys
from pathlib import Path
from registry.api.server import serve
folder = Path(sys.argv[2])
stores = f"sqlite:///{folder}/registry.db", f"file://{folder}/artifacts"
serve("127.0.0.1", int(sys.argv[1]), *stores, folder / "data", folder / "vault.key")
"""


def start(port: int, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(port), str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_until_up(url: str) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=0)) as client:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                client.get(f"{url}/health").raise_for_status()
            except httpx.TransportError:
                threading.Event().wait(0.05)
            else:
                return
    pytest.fail("the registry did not come up")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def process(port: int, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(port, tmp_path)
    wait_until_up(f"http://127.0.0.1:{port}")
    yield process
    process.kill()
    process.wait()


def test_it_leaves_long_before_someone_has_waited_enough(process: subprocess.Popen[str], port: int) -> None:
    answers: list[int] = []
    begun = threading.Event()

    def follow() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            client.get("/health")
            begun.set()
            answers.append(client.get("/api/v1/desired-state", params={"after": 99, "wait_s": 60}).status_code)

    waiting = threading.Thread(target=follow)
    waiting.start()
    begun.wait()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    waiting.join()
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_what_it_knew_is_there_after_a_kill(process: subprocess.Popen[str], port: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{port}"
    assert httpx.put(f"{url}/api/v1/endpoints/cancer", json={}).status_code == 201
    process.kill()
    process.wait()
    again = start(port, tmp_path)
    try:
        wait_until_up(url)
        assert httpx.get(f"{url}/api/v1/endpoints/cancer").json()["name"] == "cancer"
    finally:
        again.terminate()
        assert again.wait(timeout=10) == 0


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        process = start(number, tmp_path)
        assert process.wait(timeout=30) == 2
    assert process.stderr is not None
    lines = process.stderr.read().splitlines()
    assert lines == [
        f"slipway registry: port {number} on 127.0.0.1 is taken: stop what listens there, or choose another with --port"
    ]


def test_a_database_that_cannot_be_opened_is_one_clear_line(port: int, tmp_path: Path) -> None:
    (tmp_path / "registry.db").mkdir()
    process = start(port, tmp_path)
    assert process.wait(timeout=30) == 2
    assert process.stderr is not None
    (line,) = process.stderr.read().splitlines()
    assert "registry.db" in line


def test_the_process_stays_light(tmp_path: Path) -> None:
    heavy = ("httpx", "rich", "pyarrow", "duckdb", "ray", "onnxruntime", "numpy", "mlflow", "grpc")
    program = f"import sys, registry.api.server; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_says_once_where_it_listens_and_keeps_everything(port: int, tmp_path: Path) -> None:
    environment = {**os.environ, "SLIPWAY_DIR": str(tmp_path / "home")}
    command = [str(Path(sys.executable).with_name("slipway")), "registry", "--port", str(port)]
    artifacts = f"file://{tmp_path}/blobs"
    process = subprocess.Popen(
        [*command, "--artifacts", artifacts], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    wait_until_up(f"http://127.0.0.1:{port}")
    process.terminate()
    said, _ = process.communicate(timeout=10)
    assert re.fullmatch(
        rf"[-\d]+ [:,\d]+ INFO slipway\.registry: registry listens on http://127\.0\.0\.1:{port}; "
        rf"database sqlite:///{tmp_path}/home/registry\.db, artifacts {artifacts}, "
        rf"data folder {tmp_path}/home/registry\n",
        said,
    )
    assert sorted(path.name for path in (tmp_path / "home").iterdir() if path.suffix in ("", ".db")) == [
        "registry",
        "registry.db",
    ]
    assert not (tmp_path / ".slipway").exists()


def test_what_it_says_holds_no_password() -> None:
    database, artifacts = "postgresql://me:hidden@db/x?password=hidden", "s3://models/team?secret_access_key=hidden"
    assert places(database, artifacts, Path("/data")) == (
        "database postgresql://me:***@db/x, artifacts s3://models/team, data folder /data"
    )


def run_registry(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    slipway = Path(sys.executable).with_name("slipway")
    return subprocess.Popen(
        [str(slipway), "registry", *arguments, "--database", f"sqlite:///{folder}/registry.db"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_tokens_it_binds_loopback_only(port: int, tmp_path: Path) -> None:
    process = run_registry("--host", "0.0.0.0", "--access", "off", "--port", str(port), folder=tmp_path)
    assert process.wait(timeout=30) == 2
    assert process.stderr is not None
    assert "without tokens the registry binds loopback only" in process.stderr.read()


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--access", "tokens"]])
def test_before_there_is_an_owner_it_says_how_to_make_one(port: int, tmp_path: Path, options: list[str]) -> None:
    process = run_registry(*options, "--port", str(port), folder=tmp_path)
    assert process.wait(timeout=30) == 2
    assert process.stderr is not None
    (line,) = process.stderr.read().splitlines()
    assert f"`slipway token create NAME --role owner --database sqlite:///{tmp_path}/registry.db`" in line


def test_with_an_owner_it_serves_others_and_knows_its_names(port: int, tmp_path: Path, slipway: Slipway) -> None:
    database = f"sqlite:///{tmp_path}/registry.db"
    token = slipway("token", "create", "ada", "--role", "owner", "--database", database).stdout.strip()
    process = run_registry(
        "--host", "0.0.0.0", "--port", str(port), "--allowed-host", "Registry.example", folder=tmp_path
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(url)
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/api/v1/models").status_code == 401
        assert httpx.get(f"{url}/api/v1/models", headers=headers).status_code == 200
        for host, status in (("registry.example:80", 200), ("REGISTRY.example", 200), ("evil.example", 403)):
            assert httpx.get(f"{url}/api/v1/models", headers={**headers, "host": host}).status_code == status
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_client_that_goes_away_within_its_body_is_no_error(process: subprocess.Popen[str], port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"PUT /api/v1/endpoints/cancer HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert process.stderr.read() == ""

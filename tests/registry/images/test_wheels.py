import hashlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from registry.core.errors import BuildFailed
from registry.images.lock import compile_lock
from registry.images.wheels import wheels_of
from tests.registry.images.wheel_files import make_wheel
from tests.servers.local_http import LocalServer

NAME = "mine-1.0-py3-none-any.whl"


def test_one_wheel_for_each_package_is_found_for_the_nodes_platform() -> None:
    lock = compile_lock(["markupsafe==3.0.2", "click==8.1.7"], [], "3.12", "arm64")
    wheels = {entry.path.partition("-")[0].lower(): entry for entry in wheels_of(lock, "3.12", "arm64")}

    assert wheels.keys() == {"markupsafe", "click"}
    assert "cp312" in wheels["markupsafe"].path
    assert "aarch64" in wheels["markupsafe"].path
    content = b"".join(wheels["click"].read())
    assert len(content) == wheels["click"].size
    assert hashlib.sha256(content).hexdigest() == wheels["click"].sha256
    assert wheels["click"].sha256 in lock.decode()


@pytest.mark.usefixtures("empty_index")
def test_a_wheel_of_a_folder_is_carried_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = make_wheel(tmp_path / NAME)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    (entry,) = wheels_of(compile_lock(["mine"], [], "3.11", "amd64"), "3.11", "amd64")

    assert (entry.path, entry.size, b"".join(entry.read())) == (NAME, len(content), content)


def test_a_package_that_is_asked_for_by_its_address_cannot_be_carried() -> None:
    lock = b"click==8.1.7\nmine @ https://example.com/mine-1.0-py3-none-any.whl \\\n    --hash=sha256:00\n"

    with pytest.raises(BuildFailed, match=r"^mine is asked for by its address.* mine==…"):
        wheels_of(lock, "3.11", "amd64")


@pytest.mark.usefixtures("empty_index")
def test_a_wheel_that_arrives_with_other_bytes_makes_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / NAME)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    (entry,) = wheels_of(compile_lock(["mine"], [], "3.11", "amd64"), "3.11", "amd64")
    (tmp_path / NAME).write_bytes(b"other")

    with pytest.raises(BuildFailed, match=f"the wheel {NAME} arrived with other bytes than the lock names"):
        b"".join(entry.read())


def test_an_index_that_gives_the_list_but_not_the_wheel_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_wheel(tmp_path / NAME)
    digest = hashlib.sha256(content).hexdigest()
    refuses = False

    def answer(request: BaseHTTPRequestHandler) -> None:
        page = f'<a href="/files/{NAME}#sha256={digest}">{NAME}</a>'.encode()
        body = page if request.path.startswith("/simple/") else content
        status = 401 if refuses else 200
        request.send_response(status)
        request.send_header("content-type", "text/html")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)

    with LocalServer(answer) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{server.url}/simple")
        lock = compile_lock(["mine"], [], "3.11", "amd64")
        (entry,) = wheels_of(lock, "3.11", "amd64")
        assert entry.size == len(content)
        assert b"".join(entry.read()) == content
        refuses = True
        with pytest.raises(BuildFailed, match=r"127\.0\.0\.1 wants credentials for the wheel mine-1\.0"):
            b"".join(entry.read())

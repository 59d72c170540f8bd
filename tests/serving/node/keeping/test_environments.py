import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from registry.images.lock import compile_lock
from registry.images.wheels import wheels_of
from serving.node.errors import EnvironmentFailed, InterpreterMissing
from serving.node.keeping.environments import Environments, environment_key
from serving.node.keeping.interpreters import find_interpreter
from serving.node.keeping.room import open_room
from tests.registry.images.wheel_files import make_wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ENSURE_PROGRAM = """
import sys
from pathlib import Path
from serving.node.keeping.environments import Environments
from serving.node.keeping.room import open_room
node, lock, python = sys.argv[1:]
environments = Environments(open_room(Path(node), None))
print(environments.ensure(Path(lock), python, Path(node) / "no wheels", lambda line: print(line, flush=True))[0])
"""


@pytest.fixture(scope="module")
def small_lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lock = tmp_path_factory.mktemp("lock") / "requirements.lock"
    lock.write_bytes(compile_lock(["click==8.1.7"], [], PYTHON, "amd64"))
    return lock


def ensuring_process(node: Path, lock: Path) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", ENSURE_PROGRAM, str(node), str(lock), PYTHON]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def ensure(node: Path, lock: Path, lines: list[str] | None = None, wheels: Path | None = None) -> Path:
    report = ([] if lines is None else lines).append
    python, hold = Environments(open_room(node, None)).ensure(lock, PYTHON, wheels or node / "no wheels", report)
    hold.close()
    return python


def says(python: Path, program: str) -> str:
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_holds_exactly_its_lock_and_is_made_once(tmp_path: Path, small_lock: Path) -> None:
    lines: list[str] = []
    first = ensure(tmp_path, small_lock, lines)
    second = ensure(tmp_path, small_lock, lines)

    assert (
        first == second == tmp_path / "environments" / environment_key(small_lock.read_bytes(), PYTHON) / "bin/python"
    )
    assert len(lines) == 1
    found = "import importlib.metadata as m; print(sorted((d.name, d.version) for d in m.distributions()))"
    assert says(first, found) == "[('click', '8.1.7')]"


def test_bytecode_is_compiled_when_it_is_made(tmp_path: Path, small_lock: Path) -> None:
    python = ensure(tmp_path, small_lock)

    assert list(python.parents[1].rglob("click/__pycache__/core.*.pyc"))


def test_nothing_of_a_package_runs_while_the_environment_is_made(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    ran = tmp_path / "ran"
    wheel = make_wheel(wheels / "mine-1.0-py3-none-any.whl", {"mine.pth": f"import os; os.mkdir({str(ran)!r})\n"})
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"mine==1.0 --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n")

    python = ensure(tmp_path / "node", lock, wheels=wheels)

    assert not ran.exists()
    assert list(python.parents[1].rglob("__pycache__/mine.*.pyc"))
    assert says(python, "import mine; print(1)") == "1"
    assert ran.exists()  # as Python starts with every package's .pth files


def test_a_variable_in_a_lock_is_refused_because_uv_would_fill_it_in(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"mine @ https://127.0.0.1:9/${{HOME}}/mine-1.0-py3-none-any.whl --hash=sha256:{'0' * 64}\n")

    with pytest.raises(EnvironmentFailed, match=r"has a variable"):
        ensure(tmp_path / "node", lock)


def test_an_image_brings_another_numpy_than_the_servers(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_bytes(compile_lock(["numpy==1.26.4"], [], PYTHON, "amd64"))
    python = ensure(tmp_path / "node", lock)

    assert says(python, "import numpy; print(numpy.__version__)") == "1.26.4"
    assert version("numpy") != "1.26.4"


def test_two_processes_that_want_one_environment_make_it_once(tmp_path: Path, small_lock: Path) -> None:
    processes = [ensuring_process(tmp_path, small_lock) for _ in range(2)]
    outputs = [process.communicate(timeout=100)[0].splitlines() for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0][-1] == outputs[1][-1]
    assert sorted(len(lines) for lines in outputs) == [1, 2]  # only one of them had to make it


def test_an_environment_whose_maker_was_killed_is_made_again(tmp_path: Path, small_lock: Path) -> None:
    process = ensuring_process(tmp_path, small_lock)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("materialising")
    process.kill()
    process.communicate()

    python = ensure(tmp_path, small_lock)
    assert says(python, "import click; print(click.__name__)") == "click"


def test_what_a_killed_maker_left_is_not_taken_for_an_environment(tmp_path: Path, small_lock: Path) -> None:
    left = tmp_path / "environments" / environment_key(small_lock.read_bytes(), PYTHON)
    (left / "bin").mkdir(parents=True)
    (left / "bin/python").write_text("half")

    python = ensure(tmp_path, small_lock)
    assert says(python, "print(1)") == "1"


def test_a_lock_with_a_wrong_hash_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"click==8.1.7 --hash=sha256:{'0' * 64}\n")

    with pytest.raises(EnvironmentFailed, match=r"(?s)cannot be made: .*[Hh]ash mismatch.*click"):
        ensure(tmp_path, lock)
    assert list((tmp_path / "environments").iterdir()) == []


def test_a_lock_without_hashes_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("click==8.1.7\n")

    with pytest.raises(EnvironmentFailed, match="hash"):
        ensure(tmp_path, lock)


def test_an_image_that_carries_its_wheels_needs_neither_index_nor_cache(
    tmp_path: Path, small_lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for entry in wheels_of(small_lock.read_bytes(), PYTHON, "amd64"):
        (wheels / entry.path).write_bytes(b"".join(entry.read()))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(EnvironmentFailed, match="cannot be made"):
        ensure(tmp_path / "node", small_lock)

    python = ensure(tmp_path / "node", small_lock, wheels=wheels)
    assert says(python, "import click; print(click.__name__)") == "click"


def test_a_wheel_that_was_exchanged_is_refused(
    tmp_path: Path, small_lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (entry,) = wheels_of(small_lock.read_bytes(), PYTHON, "amd64")
    (wheels / entry.path).write_bytes(b"".join(entry.read())[:-1] + b"x")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))

    with pytest.raises(EnvironmentFailed, match="click"):
        ensure(tmp_path / "node", small_lock, wheels=wheels)


def test_another_lock_or_python_is_another_environment() -> None:
    keys = {environment_key(b"a", "3.11"), environment_key(b"b", "3.11"), environment_key(b"a", "3.12")}

    assert len(keys) == 3


def test_the_servers_own_python_serves_where_it_matches() -> None:
    assert find_interpreter(PYTHON) == sys.executable


def test_pyenvs_newest_patch_is_found_though_no_shim_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("3.99.2", "3.99.10", "3.99.11-dev", "2.7.18"):
        (tmp_path / "versions" / name / "bin").mkdir(parents=True)
        (tmp_path / "versions" / name / "bin/python").touch()
    (tmp_path / "versions/3.99.12").mkdir()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    assert find_interpreter("3.99") == str(tmp_path / "versions/3.99.10/bin/python")


def test_a_python_that_is_not_here_is_named_with_those_that_are() -> None:
    with pytest.raises(InterpreterMissing, match=rf"needs Python 3\.99, and this node has .*{PYTHON}"):
        find_interpreter("3.99")

"""kserve's SDK clients, in an environment and a process of their own: their protobuf symbols clash with tritonclient's.

The environment is in ``build/test-servers/kserve``: 300 MB, some seconds the first time. ``main`` only makes it.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import uv

from tests.servers.processes import Absent

HERE = Path(__file__).parent / "kserve"
INSTALLED = Path(__file__).parents[2] / "build" / "test-servers" / "kserve"
MADE_S = 170  # less than a test may take
CALLS_S = 120


def call_kserve(*calls: dict[str, Any]) -> list[dict[str, Any]]:
    """Make calls, one after the other, with kserve's clients, all in one process (its import takes seconds).

    A call has ``protocol`` (``grpc``, ``v2`` or ``v1``), ``url``, ``call`` (the client's method), perhaps ``model``,
    ``headers``, and for ``infer`` ``inputs`` (``tests/servers/kserve/calls.py`` reads them) or a ``body``. What comes
    back for each is ``{"answer": …}``, or ``{"error": class, "message": …}``.

    Raises:
        Absent: the environment cannot be made.
    """
    done = subprocess.run(
        [install(), HERE / "calls.py"],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=CALLS_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def install() -> Path:
    """Make the environment unless it is there, and return its Python. Raises Absent."""
    lock = HERE / "requirements.txt"
    python, done = INSTALLED / "bin" / "python", INSTALLED / "installed-requirements.txt"
    if not (done.exists() and done.read_bytes() == lock.read_bytes()):
        shutil.rmtree(INSTALLED, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(INSTALLED))
        _uv("pip", "install", "--python", str(python), "--only-binary", ":all:", "--requirements", str(lock))
        done.write_bytes(lock.read_bytes())
    return python


def _uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), "--quiet", *arguments]
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=MADE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Absent(f"kserve's environment was not made within {MADE_S} s") from error
    if made.returncode != 0:
        raise Absent(f"kserve's environment cannot be made: {made.stderr[-1000:]}")


if __name__ == "__main__":
    install()

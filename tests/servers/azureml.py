"""Azure ML's own scoring server, in an environment of its own in ``build/test-servers``, made once by uv.

``main`` only makes it. Its pinned packages (an OpenTelemetry of 2025, pydantic 2.12) may never share ours.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.servers.processes import Absent, free_port, start, stop

VERSION = "1.5.1"
OURS = Path(__file__).parents[2] / "serving" / "scoring" / "requirements.txt"  # so that ours can run there, too
PACKAGES = (f"azureml-inference-server-http=={VERSION}", "numpy", "pandas", "joblib", "-r", str(OURS))
PLACE = Path(__file__).parents[2] / "build" / "test-servers" / f"azureml-{VERSION}"
MADE_S = 170  # less than a test may take
UV = Path(sys.executable).with_name("uv")


def environment() -> Path:
    """Return the environment's folder, made unless it is there with what is wanted. Raises Absent."""
    made, wanted = PLACE / "made", "\n".join((*PACKAGES, OURS.read_text()))
    if not made.exists() or made.read_text() != wanted:
        PLACE.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(PLACE, ignore_errors=True)
        for command in (
            ["venv", "--quiet", "--python", sys.executable, str(PLACE)],
            ["pip", "install", "--quiet", "--python", str(PLACE / "bin" / "python"), *PACKAGES],
        ):
            try:
                subprocess.run([str(UV), *command], capture_output=True, text=True, timeout=MADE_S, check=True)
            except subprocess.TimeoutExpired as error:
                raise Absent(f"Azure ML's server was not installed within {MADE_S} s") from error
            except subprocess.CalledProcessError as error:
                raise Absent(f"Azure ML's server cannot be installed: {error.stderr[-1000:]}") from error
        made.write_text(wanted)
    return PLACE


class AzuremlServer:
    """``azmlinfsrv`` with one script. Raises Absent."""

    def __init__(self, script: Path, variables: dict[str, str]) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._home = tempfile.TemporaryDirectory(prefix="azmlinfsrv-")
        program = environment() / "bin" / "azmlinfsrv"
        arguments = [str(program), "--entry_script", str(script), "--port", str(port)]
        named = [f"{name}={value}" for name, value in {"AML_APP_ROOT": str(script.parent), **variables}.items()]
        path = f"PATH={program.parent}:{os.environ['PATH']}"
        self.process = start(["env", path, *named, *arguments], Path(self._home.name) / "log", self._is_ready)

    def log_text(self) -> str:
        return (Path(self._home.name) / "log").read_text(errors="replace")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        stop(self.process)
        self._home.cleanup()


if __name__ == "__main__":
    environment()

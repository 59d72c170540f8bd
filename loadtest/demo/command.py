"""The ``slipway`` command and the training scripts, called as a person would, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent


class CommandFailed(Exception):
    """A command ended with another status than 0; the message is what it wrote."""


class NotStarted(CommandFailed):
    """The workspace was not started, so there is nothing to end."""


class Slipway:
    """``slipway`` against one workspace folder, whatever workspace the shell it was started in speaks of."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        own = {name: value for name, value in environment.items() if not name.startswith("SLIPWAY_")}
        self._environment = own | {"SLIPWAY_DIR": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}

    def run(self, *arguments: str) -> str:
        """Run ``slipway ARGUMENTS`` and return what it printed.

        Raises:
            CommandFailed: it ended with another status than 0.
        """
        return run([str(BIN / "slipway"), *arguments], self._environment)

    def json(self, *arguments: str) -> Any:
        """Run ``slipway ARGUMENTS --output json`` and return what it printed as JSON."""
        return json.loads(self.run(*arguments, "--output", "json"))


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a command and return its standard output.

    Raises:
        CommandFailed: it ended with another status than 0.
    """
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it wrote nothing").splitlines()
        raise CommandFailed(f"{' '.join(command[:4])} …: {said[-1]}")
    return done.stdout


def train(script: Path, tracking_url: str, environment: dict[str, str], requirements: Path | None = None) -> str:
    """Run a training script and return the run id it prints last; with ``requirements``, in an environment of those."""
    runner = [sys.executable]
    if requirements is not None:
        uv = str(BIN / "uv")
        runner = [uv, "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable]
        runner += ["--with-requirements", str(requirements), "python"]
    return run([*runner, str(script), tracking_url], environment).split()[-1]

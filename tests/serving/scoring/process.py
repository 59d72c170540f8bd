"""A real scoring process, started as a supervisor starts it."""

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any


class Process:
    """A process with the pipes a supervisor holds. It is ready, or has failed, once it was waited for."""

    def __init__(
        self,
        root: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
        package: str = "serving.scoring",
    ) -> None:
        reading, writing = os.pipe()
        self._log_path = root / "log"
        self.log = self._log_path.open("wb")
        self.child = subprocess.Popen(
            [python, "-m", package, "--root", str(root), "--announce-fd", str(writing), *arguments],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            pass_fds=[writing],
            env={**os.environ, **(environment or {})},
        )
        os.close(writing)
        self._announcement = os.fdopen(reading, "rb")

    def wait(self) -> None:
        """Return when it is ready, or has failed."""
        assert self.announced is not None

    @cached_property
    def announced(self) -> bytes:
        """What it announced, waited for."""
        with self._announcement:
            return self._announcement.read()  # to its end: the process closes it after its line

    @cached_property
    def news(self) -> dict[str, Any]:
        news: dict[str, Any] = json.loads(self.announced) if self.announced else {}
        return news

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.news['http_port']}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.news['grpc_port']}"

    def log_text(self) -> str:
        return self._log_path.read_text()  # not by the descriptor: the process writes where that one has read to

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        self.log.close()
        self._announcement.close()

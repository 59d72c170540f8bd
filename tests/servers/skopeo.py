"""skopeo, the field's own client of image registries, from Debian. Not a server, but absent in the same way."""

import shutil
import subprocess

from tests.servers.processes import Absent


class Skopeo:
    """Runs ``skopeo`` against registries without TLS. Raises Absent when it is not installed."""

    def __init__(self) -> None:
        found = shutil.which("skopeo")
        if found is None:
            raise Absent("skopeo is not installed: apt install skopeo")
        self._program = found

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [self._program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def ok(self, *arguments: str) -> str:
        """Run it, and return what it says once it has succeeded."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

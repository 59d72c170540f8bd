"""The ``git`` command, run in a repository that nobody needs to trust.

The command and not a library: it alone knows every form of repository (worktrees, sparse, SHA-256) and what the user
calls ignored. But a repository's own configuration can name programs to run, and who looks at a folder does not mean
to trust it: every such program is switched off here, no hook runs, nothing is fetched, nothing is written.
"""

import os
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from registry.core.errors import InvalidInput, Unavailable

WITHIN_S = 30.0
REFUSED = 128  # git's status when it gives up
MAX_CONFIG_BYTES = 1 << 20
SAFE = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "submodule.recurse": "false"}


class Git:
    """Runs git at the top of a repository, and nothing that the repository's configuration names.

    Filters (``filter.NAME.clean``) would run on changed files: a file of git-lfs shows its content here, not its
    pointer.
    """

    def __init__(self, top: Path, within_s: float = WITHIN_S) -> None:
        """Raise InvalidInput for a repository whose filters cannot be switched off, and as ``run``."""
        self.top = top
        self._within_s = within_s
        self._settings = dict(SAFE)
        listed = self.run("config", "--list", "--name-only", "-z", limit=MAX_CONFIG_BYTES)
        if listed is None:
            raise InvalidInput(f"git's configuration of {top} has more than {MAX_CONFIG_BYTES:,} bytes of names")
        for key in map(os.fsdecode, listed.split(b"\0")):
            if not key.startswith("filter."):
                continue
            name = key.rpartition(".")[0]
            if "=" in name:  # in `-c KEY=VALUE` it would be another key; older gits know no other way
                raise InvalidInput(f"git's configuration of {top} has a filter that cannot be switched off: {name!r}")
            self._settings |= {f"{name}.clean": "", f"{name}.process": "", f"{name}.required": "false"}

    def say(self, *words: str) -> str:
        """Return a short answer without its last newline; "" where git has none."""
        return (self.run(*words, limit=1 << 16) or b"").decode(errors="replace").rstrip("\n")

    def run(self, *words: str, limit: int) -> bytes | None:
        """Return what git answers, or None if that is more than ``limit`` bytes.

        Raises:
            Unavailable: there is no git, or it takes too long.
            InvalidInput: git refuses the repository.
        """
        settings = [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
        command = ["git", "--no-pager", *settings, "--work-tree", str(self.top), *words]
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=self.top,
                    env=_environment(self.top),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    start_new_session=True,
                )
            except OSError as error:
                raise Unavailable(f"the git command cannot be started: {error.strerror}") from error
            answer = _read(process, limit, self._within_s)
            if answer is not None and process.returncode >= REFUSED:
                said.seek(0)
                why = said.read(2000).decode(errors="replace").strip().partition("\n")[0]
                raise InvalidInput(f"git refuses {self.top}: {why}", path=str(self.top))
        return answer


def _environment(top: Path) -> dict[str, str]:
    """Ours without what would lead git elsewhere; no network."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {
        **ours,
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "none",  # what a partial clone lacks is not fetched, by whatever its remote names
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CEILING_DIRECTORIES": str(top.parent),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _read(process: "subprocess.Popen[bytes]", limit: int, within_s: float) -> bytes | None:
    """Return the whole output, or None if it is too much; the process has ended then. Raises Unavailable."""
    assert process.stdout is not None
    late = threading.Event()
    timer = threading.Timer(within_s, _end_late, [process, late])
    timer.start()
    try:
        answer = process.stdout.read(limit + 1)  # ends when all have ended that git started
        if len(answer) > limit:
            _kill(process)
        process.wait()
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        timer.cancel()
        process.stdout.close()
    if late.is_set():
        raise Unavailable(f"git did not answer within {within_s:g} s")
    return answer if len(answer) <= limit else None


def _end_late(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End git and whatever it started. Nobody has waited for it yet, so its number is still its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

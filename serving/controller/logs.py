"""The last lines of a deployment's scoring processes, those of failed revisions too."""

import contextlib
from pathlib import Path

from serving.node.keeping.logs import is_held, written_s

TAIL_BYTES = 256 * 1024
NEWEST = 6  # files shown besides those of processes that run: a deployment that restarts for ever has many


class LogsAway(Exception):
    """No process of the deployment has written a log on this node."""


def tail(folder: Path, endpoint: str, deployment: str, lines: int) -> str:
    """Return the last ``lines`` lines of the logs of processes that run and of the newest others.

    The oldest comes first, each under a heading that names it.

    Raises:
        LogsAway: there are none.
    """
    begin = f"{endpoint}.{deployment}.".lower()
    found = [path for path in folder.glob("*.log") if path.name.startswith(begin)]
    if not found:
        raise LogsAway(f"no scoring process of {endpoint}/{deployment} has written a log on this node")
    by_age = sorted(found, key=written_s)
    shown = [path for path in by_age if path in by_age[-NEWEST:] or is_held(path)]
    return "\n\n".join("\n".join([f"==> {path.stem} <==", *_last_lines(path, lines)]) for path in shown) + "\n"


def _last_lines(path: Path, lines: int) -> list[str]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:  # the oldest are deleted at any time
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-lines:]
    return []

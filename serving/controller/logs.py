"""The last lines of a deployment's scoring processes, those of failed revisions too."""

from pathlib import Path

TAIL_BYTES = 256 * 1024
NEWEST = 6  # files shown: a deployment that restarts for ever has many


class LogsAway(Exception):
    """No process of the deployment has written a log on this node."""


def tail(folder: Path, endpoint: str, deployment: str, lines: int) -> str:
    """Return the last ``lines`` lines of the newest logs, oldest first, each under a heading that names it.

    Raises:
        LogsAway: there are none.
    """
    begin = f"{endpoint}.{deployment}.".lower()
    found = [path for path in folder.glob("*.log") if path.name.startswith(begin)]
    if not found:
        raise LogsAway(f"no scoring process of {endpoint}/{deployment} has written a log on this node")
    newest = sorted(found, key=lambda path: path.stat().st_mtime)[-NEWEST:]
    return "\n\n".join("\n".join([f"==> {path.stem} <==", *_last_lines(path, lines)]) for path in newest) + "\n"


def _last_lines(path: Path, lines: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-lines:]

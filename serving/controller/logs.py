"""The last lines of a deployment's scoring processes."""

from pathlib import Path

from serving.wire.replica import ReplicaReport

TAIL_BYTES = 256 * 1024


def tail(reports: list[ReplicaReport], lines: int) -> str:
    """Return the last ``lines`` lines of each replica's log, under a heading that names the replica."""
    parts = []
    seen: set[str] = set()
    for report in reports:
        if not report.log_path or report.log_path in seen:
            continue
        seen.add(report.log_path)
        heading = f"==> {report.endpoint}/{report.deployment} revision {report.revision}, {report.replica} <=="
        parts.append("\n".join([heading, *_last_lines(Path(report.log_path), lines)]))
    return "\n\n".join(parts) + "\n" if parts else ""


def _last_lines(path: Path, lines: int) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []

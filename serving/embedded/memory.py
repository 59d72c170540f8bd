"""What the workspace's processes cost: the memory of each, with that of everything it started."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from serving.node.proc import Stat, read_stat

ACTOR = "ray::ServeReplica:"


def memory_by_owner(pids: Iterable[int], owners: Mapping[int, str]) -> Counter[str]:
    """Return the proportional set size of all ``pids`` in bytes, each counted once, for the owner it belongs to.

    ``owners`` names processes by pid. One that is not named belongs to its nearest named ancestor, else to the named
    leader of its session, else to "". Proportional: a page that n processes share counts 1/n for each, so that the
    sum over all is what the machine gives them.
    """
    stats = {pid: stat for pid in pids if (stat := read_stat(pid)) is not None}
    memory: Counter[str] = Counter()
    for pid, stat in stats.items():
        memory[_owner(pid, stats, owners) or owners.get(stat.session, "")] += memory_bytes(pid)
    return memory


def crews_among(pids: Iterable[int]) -> dict[int, str]:
    """Return the Ray actors that hold a crew, with the backend that each is of: Ray titles them so."""
    titles = {pid: title for pid in pids if (title := _title(pid)).startswith(ACTOR)}
    return {pid: title.removeprefix(ACTOR).partition(":")[0] for pid, title in titles.items()}


def crew_owner(pid: int) -> str:
    """Return how ``memory_by_owner`` is to name a crew's actor."""
    return f"crew {pid}"


def memory_bytes(pid: int) -> int:
    """Return a process' proportional set size in bytes (proc(5), smaps_rollup); 0 if it can't be read."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace").strip()
    except OSError:
        return ""


def _owner(pid: int, stats: Mapping[int, Stat], owners: Mapping[int, str]) -> str:
    while pid not in owners and pid in stats:
        pid = stats[pid].parent
    return owners.get(pid, "")

"""What a workspace takes of the machine: memory, files and threads of each of its processes, from /proc (proc(5))."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

OURS, RAYS = "ours", "Ray's"
_KINDS = (
    (OURS, re.compile(r"serving\.cluster\.(?P<name>driver|crew)")),
    (OURS, re.compile(r"-m (?P<name>slipway_scoring) ")),
    (OURS, re.compile(r"bin/(?P<name>haproxy) ")),
    (OURS, re.compile(r"bin/slipway (?P<name>\w+)")),
    (RAYS, re.compile(r"(?P<name>ray::\w+)")),
    (RAYS, re.compile(r"-m (?P<name>ray\.[\w.]+)")),
    (RAYS, re.compile(r"/(?P<name>gcs_server|raylet|dashboard\.py|ray start)\b")),
)


class Footprint(NamedTuple):
    """``pss_bytes`` shares common pages fairly, so sums of it are what the machine gives; but it falls when a stranger
    maps the same libraries. ``anonymous_bytes`` is its part that belongs to no file: whatever leaks is there.
    """

    processes: int
    pss_bytes: int
    anonymous_bytes: int
    rss_bytes: int
    files: int
    threads: int

    def plus(self, other: "Footprint") -> "Footprint":
        return Footprint(*(mine + its for mine, its in zip(self, other, strict=True)))


NONE = Footprint(0, 0, 0, 0, 0, 0)
Node = dict[tuple[str, str], Footprint]  # by whose it is, and what


def node_footprint(pids: Iterable[int], proc: Path = Path("/proc")) -> Node:
    """Return what the processes take, by what they are."""
    node: Node = {}
    for pid in pids:
        try:
            kind, footprint = kind_of(_command(proc / str(pid))), _footprint(proc / str(pid))
        except OSError:
            continue  # ended while we looked
        node[kind] = node.get(kind, NONE).plus(footprint)
    return node


def total(node: Node, whose: str) -> Footprint:
    """Add up what is ours, or what is Ray's."""
    result = NONE
    for (owner, _), footprint in node.items():
        result = result.plus(footprint) if owner == whose else result
    return result


def kind_of(command: str) -> tuple[str, str]:
    """Say whose process has this command line, and what it is."""
    for whose, pattern in _KINDS:
        if found := pattern.search(command):
            return whose, found["name"]
    return RAYS, command.partition(" ")[0].rpartition("/")[2]


def _command(folder: Path) -> str:
    return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _footprint(folder: Path) -> Footprint:
    sizes = dict.fromkeys(("Pss", "Pss_Anon", "Rss"), 0)
    for line in (folder / "smaps_rollup").read_text().splitlines():
        name, _, size = line.partition(":")
        if name in sizes:
            sizes[name] = int(size.split()[0]) * 1024
    files, threads = (sum(1 for _ in (folder / part).iterdir()) for part in ("fd", "task"))
    return Footprint(1, sizes["Pss"], sizes["Pss_Anon"], sizes["Rss"], files, threads)

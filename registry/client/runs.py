"""Runs as the SDK shows them; scripts write them with MLflow's client, but for what a run was made from."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from registry.client.blobs import Blobs
from registry.client.code.git_state import MAX_NAMED, read_git
from registry.client.code.python_environment import read_environment
from registry.client.code.snapshot import pack_snapshot, unpack_snapshot
from registry.client.door import V1, Door
from registry.core.counts import count
from registry.core.errors import NotFound, SlipwayError
from registry.core.tracking.run_code import GitState, NewRunCode, RunCode
from registry.core.tracking.run_views import RunDetails, RunDiff, RunList, RunSummary


class Runs:
    """A run is named by its id, or by at least four characters of its beginning."""

    def __init__(self, door: Door, blobs: Blobs) -> None:
        self._door = door
        self._blobs = blobs

    def list(
        self, experiment: str | None = None, filter: str = "", order_by: Sequence[str] = (), limit: int = 100
    ) -> list[RunSummary]:
        """Return active runs, the newest first unless ordered otherwise; filter and orders are MLflow's."""
        query: dict[str, str | int] = {"filter": filter, "order_by": ",".join(order_by), "limit": limit}
        if experiment is not None:
            query["experiment"] = experiment
        return self._door.ask("GET", "/runs", RunList, params=query).runs

    def get(self, run: str) -> RunDetails:
        return self._door.ask("GET", f"/runs/{quote(run, safe='')}", RunDetails)

    def diff(self, run: str, other: str) -> RunDiff:
        """Return what differs: params, metrics, tags, code, git, environment and files."""
        return self._door.ask("GET", f"/runs/{quote(run, safe='')}/diff/{quote(other, safe='')}", RunDiff)

    def record_code(
        self, run: str, folder: Path | str, python: str | None = None, report: Callable[[str], None] = lambda _: None
    ) -> RunCode:
        """Keep with a run what it was made from: a snapshot of the folder, the state of git around it, and what is
        installed beside ``python`` (None is the interpreter that calls this).

        What ``.slipwayignore`` lists stays out, as does what by its name holds a secret, and a link to either or out of
        the folder. A repository that git refuses is noted, and the rest is kept. ``report`` is told what is being done.

        Raises:
            NotFound: no such run.
            InvalidInput: there is no such folder or interpreter, or the folder is too large for a snapshot.
            Conflict: the run has another snapshot, git state or environment already.
        """
        run = self.get(run).id
        report("reading the environment")
        environment = read_environment(python)
        report("reading git")
        git, notes = _record_git(self._blobs, Path(folder))
        report("packing the snapshot")
        with tempfile.TemporaryDirectory(prefix="slipway-snapshot-") as scratch:
            archive = Path(scratch) / "snapshot.zip"
            packed = pack_snapshot(Path(folder), archive)
            report(f"sending {count(packed.files, 'file')}, {archive.stat().st_size:,} bytes")
            digest = self._blobs.put_file(archive)
        named = list(packed.left_out.items())[:MAX_NAMED]
        left_out = [f"{path!r} is not in the snapshot: {why}"[:500] for path, why in named]
        new = NewRunCode(snapshot=digest, git=git, environment=environment, notes=[*notes, *left_out])
        return self._door.ask("PUT", _code(run), RunCode, new)

    def code(self, run: str) -> RunCode:
        """Return what a run was made from: what was recorded, completed by what MLflow's client left."""
        return self._door.ask("GET", _code(run), RunCode)

    def download_code(self, run: str, folder: Path) -> int:
        """Unpack a run's snapshot below a new folder, and return how many files there are.

        Raises:
            NotFound: no such run, or it has no snapshot.
            InvalidInput: the folder exists already.
        """
        code = self.code(run)
        if code.snapshot is None:
            raise NotFound(f"run {run} has no snapshot: `slipway run snapshot` records one", run=run)
        with tempfile.TemporaryDirectory(prefix="slipway-snapshot-") as scratch:
            archive = Path(scratch) / "snapshot.zip"
            with archive.open("wb") as file, self._blobs.stream(code.snapshot.digest) as chunks:
                for chunk in chunks:
                    file.write(chunk)
            return unpack_snapshot(archive, folder)

    def delete(self, run: str) -> None:
        """Mark a run deleted; it can be restored until it is purged."""
        self._door.send("DELETE", f"{V1}/runs/{quote(self.get(run).id, safe='')}")

    def restore(self, run: str) -> None:
        self._door.send("POST", f"{V1}/runs/{quote(run, safe='')}/restore")


def _record_git(blobs: Blobs, folder: Path) -> tuple[GitState | None, list[str]]:
    """Send the patch; return the state that names it, and what it lacks."""
    try:
        found = read_git(folder)
    except SlipwayError as error:
        return None, [f"git is not recorded: {error.message}"[:500]]
    if found is None:
        return None, []
    patch = blobs.put(found.patch) if found.patch else None
    return msgspec.structs.replace(found.state, patch=patch), found.notes


def _code(run: str) -> str:
    return f"/runs/{quote(run, safe='')}/code"

"""Runs as the SDK shows them; scripts write them with MLflow's client."""

from collections.abc import Sequence
from urllib.parse import quote

from registry.client.door import V1, Door
from registry.core.run_views import RunDetails, RunDiff, RunList, RunSummary


class Runs:
    """A run is named by its id, or by at least four characters of its beginning."""

    def __init__(self, door: Door) -> None:
        self._door = door

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
        """Return what differs: params, metrics, tags and files."""
        return self._door.ask("GET", f"/runs/{quote(run, safe='')}/diff/{quote(other, safe='')}", RunDiff)

    def delete(self, run: str) -> None:
        """Mark a run deleted; it can be restored until it is purged."""
        self._door.send("DELETE", f"{V1}/runs/{quote(self.get(run).id, safe='')}")

    def restore(self, run: str) -> None:
        self._door.send("POST", f"{V1}/runs/{quote(run, safe='')}/restore")

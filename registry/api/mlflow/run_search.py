"""MLflow's searches over runs."""

from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.tracking.search import decode_page_token
from registry.operations.tracking import run_search

MAX_SEARCH = 50_000


class SearchRuns(msgspec.Struct, frozen=True, kw_only=True):
    experiment_ids: list[str] = []
    filter: str = ""
    run_view_type: str = "ACTIVE_ONLY"
    max_results: int = 1000
    order_by: list[str] = []
    page_token: str = ""


class SearchDatasets(msgspec.Struct, frozen=True, kw_only=True):
    experiment_ids: list[str] = []


async def search_runs(request: Request) -> Response:
    """Find runs of experiments by a filter."""
    wanted = await wire.read_message(request, SearchRuns)

    def search() -> Response:
        found, after = run_search.search_runs(
            workspace_of(request),
            wanted.experiment_ids,
            stages=wire.stages(wanted.run_view_type),
            filter=wanted.filter,
            order_by=wanted.order_by,
            limit=wire.page_size(wanted.max_results, MAX_SEARCH),
            offset=decode_page_token(wanted.page_token),
        )
        # Each run becomes bytes at once: a page of 50,000 as dictionaries took 200 MB more.
        runs = [msgspec.Raw(msgspec.json.encode(wire.run_json(run))) for run in found]
        return answer(wire.page("runs", runs, after))

    return await run_sync(search)


async def search_datasets(request: Request) -> Response:
    """List the datasets that the runs of experiments used."""
    wanted = await wire.read_message(request, SearchDatasets)

    def search() -> list[dict[str, Any]]:
        found = run_search.search_datasets(workspace_of(request), wanted.experiment_ids)
        return [
            {
                "experiment_id": str(one.experiment_id),
                "name": one.name,
                "digest": one.digest,
                **({} if one.context is None else {"context": one.context}),
            }
            for one in found
        ]

    return answer({"dataset_summaries": await run_sync(search)})

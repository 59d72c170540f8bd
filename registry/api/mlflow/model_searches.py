"""MLflow's searches of registered models, model versions and logged models."""

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.mlflow.logged_models import logged_model_json
from registry.api.mlflow.model_versions import version_json
from registry.api.mlflow.registered_models import model_json
from registry.api.route import answer, workspace_of
from registry.core.errors import InvalidInput
from registry.core.modelling.logged_models import MAX_SEARCH, DatasetChoice, ModelOrder
from registry.core.tracking import search
from registry.operations.modelling import logged_models, model_lists

MAX_MODELS = 1000
MAX_VERSIONS = 200_000


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    dataset_name: str = ""
    dataset_digest: str = ""

    def choice(self) -> DatasetChoice | None:
        """Raise InvalidInput if there is a digest and no name."""
        if self.dataset_digest and not self.dataset_name:
            raise InvalidInput("Invalid dataset: 'dataset_digest' needs 'dataset_name'")
        return DatasetChoice(name=self.dataset_name, digest=self.dataset_digest) if self.dataset_name else None


class OrderBy(Dataset, frozen=True, kw_only=True):
    field_name: str
    ascending: bool = True

    def order(self) -> ModelOrder:
        """Raise InvalidInput."""
        kind, dot, key = self.field_name.partition(".")
        name = f"{kind}.`{key}`" if dot and "`" not in key and '"' not in key else self.field_name
        clause = f"{name} {'ASC' if self.ascending else 'DESC'}"
        (order,) = search.parse_orders([clause], search.LOGGED_MODELS)
        dataset = self.choice()
        if dataset and order.kind is not search.Kind.METRIC:
            raise InvalidInput(f"Invalid order_by {self.field_name!r}: only a metric has a dataset")
        return ModelOrder(order=order, dataset=dataset)


class SearchLoggedModels(msgspec.Struct, frozen=True, kw_only=True):
    experiment_ids: list[str] = []
    filter: str = ""
    datasets: list[Dataset] = []
    max_results: int = MAX_SEARCH
    order_by: list[OrderBy] = []
    page_token: str = ""


class SearchModels(msgspec.Struct, frozen=True, kw_only=True):
    filter: str = ""
    max_results: int = 100
    order_by: list[str] = []
    page_token: str = ""


class SearchVersions(SearchModels, frozen=True, kw_only=True):
    max_results: int = model_lists.MAX_PAGE


async def search_models(request: Request) -> Response:
    """Search registered models."""
    wanted = wire.read_params(request, SearchModels)
    found, after = await run_sync(
        model_lists.search_models,
        workspace_of(request),
        search.parse_filter(wanted.filter, search.MODELS),
        search.parse_orders(wanted.order_by, search.MODELS),
        wire.page_size(wanted.max_results, MAX_MODELS),
        search.decode_page_token(wanted.page_token),
    )
    return answer(wire.page("registered_models", [model_json(model, newest) for model, newest in found], after))


async def search_versions(request: Request) -> Response:
    """Search versions of registered models."""
    wanted = wire.read_params(request, SearchVersions)
    found, after = await run_sync(
        model_lists.search_versions,
        workspace_of(request),
        search.parse_filter(wanted.filter, search.MODEL_VERSIONS),
        search.parse_orders(wanted.order_by, search.MODEL_VERSIONS),
        wire.page_size(wanted.max_results, MAX_VERSIONS),
        search.decode_page_token(wanted.page_token),
    )
    return answer(wire.page("model_versions", [version_json(version) for version in found], after))


async def search_logged_models(request: Request) -> Response:
    """Search logged models."""
    wanted = await wire.read_message(request, SearchLoggedModels)
    datasets = [one.choice() for one in wanted.datasets]
    if None in datasets:
        raise InvalidInput("Missing value for required parameter 'dataset_name'.")
    found, after = await run_sync(
        logged_models.search_logged_models,
        workspace_of(request),
        wanted.experiment_ids,
        search.parse_filter(wanted.filter, search.LOGGED_MODELS),
        [one for one in datasets if one],
        [one.order() for one in wanted.order_by],
        wire.page_size(wanted.max_results, MAX_SEARCH),
        search.decode_page_token(wanted.page_token),
    )
    return answer(wire.page("models", [logged_model_json(model) for model in found], after))

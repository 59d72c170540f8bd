"""Models and versions as lists have them: without files, with the newest version in each stage. Searches of them."""

from collections import defaultdict

from registry.core.modelling.models import ModelEntry, VersionEntry, newest_by_stage, read_stage
from registry.core.tracking.search import Comparison, Order
from registry.operations.modelling.models import get_within
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.modelling import model_search, model_versions

MAX_PAGE = 10_000  # of versions, however many are asked for: the rest has a page token


def get_listed(workspace: Workspace, name: str) -> tuple[ModelEntry, list[VersionEntry]]:
    """Return a model and the newest version in each stage. Raises NotFound."""
    with workspace.metadata.read() as tx:
        entry = get_within(tx, name)
        return entry, newest_within(tx, [entry])[name]


def newest_versions(workspace: Workspace, name: str, stages: list[str]) -> list[VersionEntry]:
    """Return the newest version in each of the stages that has one; no stages means all.

    Raises:
        NotFound: no such model.
        InvalidInput: there is no such stage.
    """
    wanted = {read_stage(stage) for stage in stages}
    _, newest = get_listed(workspace, name)
    return [version for version in newest if not wanted or version.stage in wanted]


def search_models(
    workspace: Workspace, comparisons: list[Comparison], orders: list[Order], limit: int, offset: int
) -> tuple[list[tuple[ModelEntry, list[VersionEntry]]], int | None]:
    """Return a page of models with their newest versions, and the offset of the next page if there is one."""
    with workspace.metadata.read() as tx:
        found = model_search.search_models(tx, comparisons, orders, limit + 1, offset)
        newest = newest_within(tx, found[:limit])
    page = [(entry, newest[entry.name]) for entry in found[:limit]]
    return page, offset + limit if len(found) > limit else None


def search_versions(
    workspace: Workspace, comparisons: list[Comparison], orders: list[Order], limit: int, offset: int
) -> tuple[list[VersionEntry], int | None]:
    """Return a page of versions, and the offset of the next page if there is one."""
    limit = min(limit, MAX_PAGE)
    with workspace.metadata.read() as tx:
        found = model_search.search_versions(tx, comparisons, orders, limit + 1, offset)
    return found[:limit], offset + limit if len(found) > limit else None


def newest_within(tx: Connection, found: list[ModelEntry]) -> dict[str, list[VersionEntry]]:
    """Return model → the newest version in each stage, by number."""
    by_name: dict[str, list[VersionEntry]] = defaultdict(list)
    for version in model_versions.entries_of(tx, [entry.name for entry in found]):
        by_name[version.name].append(version)
    return {entry.name: list(newest_by_stage(by_name[entry.name]).values()) for entry in found}

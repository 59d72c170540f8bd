"""Find runs by comparisons and orders, by indexes where there can be one.

A first order by a metric has three parts, which follow one another: runs whose value is a number, walked along the
metric's index; runs whose value is NaN; runs that have none. A part is asked only when the page reaches it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from registry.core.tracking.runs import LifecycleStage, Run
from registry.core.tracking.search import Comparison, Kind, Order
from registry.store.metadata import Connection
from registry.store.schema import datasets, latest_metrics, params, run_datasets, run_tags, runs
from registry.store.tracking import runs as run_rows
from registry.store.tracking.datasets import CONTEXT
from registry.store.tracking.search import Beside, Related, Searched, conditions, directed, ordered, value_condition
from registry.store.tracking.spans import has_index, index_condition, rest_condition

RUNS = Searched(
    attributes={
        "run_id": runs.c.id,
        "run_name": runs.c.name,
        "status": runs.c.status,
        "user_id": runs.c.user_id,
        "artifact_uri": runs.c.artifact_uri,
        "start_time": runs.c.started_ms,
        "end_time": runs.c.ended_ms,
    },
    beside={
        Kind.METRIC: Beside(latest_metrics, {"run_id": runs.c.id}),
        Kind.PARAM: Beside(params, {"run_id": runs.c.id}),
        Kind.TAG: Beside(run_tags, {"run_id": runs.c.id}),
    },
    related={
        Kind.DATASET: Related(
            source=run_datasets.join(datasets, datasets.c.id == run_datasets.c.dataset_id),
            owned=run_datasets.c.run_id == runs.c.id,
            columns={"name": datasets.c.name, "digest": datasets.c.digest, "context": CONTEXT},
        )
    },
)
TIES = {"start_time": runs.c.started_ms.desc(), "run_id": runs.c.id}
FEW = 2000


class Scope(NamedTuple):
    """Where is searched: experiments, and runs that are active, deleted or both."""

    experiment_ids: Sequence[int]
    stages: frozenset[LifecycleStage]


def search(
    tx: Connection,
    scope: Scope,
    comparisons: Sequence[Comparison],
    orders: Sequence[Order],
    limit: int,
    offset: int,
    few: int = FEW,
) -> list[Run]:
    """Return the runs that all comparisons hold for; what the orders leave equal is newest first, then by id."""
    rows: list[sa.Row[Any]] = []
    for part in parts(tx, scope, comparisons, orders, few):
        found = tx.execute(part.limit(limit - len(rows)).offset(offset)).all()
        rows += found
        if len(rows) == limit:
            break
        if found:
            offset = 0
        elif offset:
            ids = part.with_only_columns(runs.c.id, maintain_column_froms=True).order_by(None)
            offset -= tx.scalar(sa.select(sa.func.count()).select_from(ids.subquery())) or 0
    return run_rows.load(tx, rows)


def parts(
    tx: Connection, scope: Scope, comparisons: Sequence[Comparison], orders: Sequence[Order], few: int = FEW
) -> list[sa.Select[Any]]:
    """Return queries for runs whose results, one after the other, are the answer.

    A metric, param or tag that at most ``few`` runs pass comes before every other index: those runs are read, and
    sorted.
    """
    for one in comparisons:
        rare = _rare(tx, scope, one, few)
        if rare is not None:
            others = conditions(tx, RUNS, [other for other in comparisons if other is not one])
            return [_finish(rare.where(*others), orders)]
    if orders and orders[0].kind is Kind.METRIC:
        return _by_metric(tx, scope, comparisons, orders[0], orders[1:])
    query = sa.select(runs).where(_in_experiments(runs, scope), *_in_stages(scope))
    return [_finish(query.where(*conditions(tx, RUNS, comparisons)), orders)]


def _by_metric(
    tx: Connection, scope: Scope, comparisons: Sequence[Comparison], first: Order, rest: Sequence[Order]
) -> list[sa.Select[Any]]:
    own = [one for one in comparisons if (one.kind, one.key) == (Kind.METRIC, first.key)]
    others = conditions(tx, RUNS, [one for one in comparisons if one not in own])
    latest = latest_metrics.alias("ordering")
    having = _having(latest, first.key, scope).where(*others)
    numbers = having.where(latest.c.is_nan == sa.false(), *(value_condition(tx, latest, one) for one in own))
    found = [_finish(numbers.order_by(directed(latest.c.value, first)), rest)]
    if all(one.operator == "!=" for one in own):
        found.append(_finish(having.where(latest.c.is_nan == sa.true()), rest))
    if not own:
        missing = ~sa.exists().where(latest.c.run_id == runs.c.id, latest.c.key == first.key)
        query = sa.select(runs).where(_in_experiments(runs, scope), *_in_stages(scope), missing)
        found.append(_finish(query.where(*others), rest))
    return found


def _rare(tx: Connection, scope: Scope, comparison: Comparison, few: int) -> sa.Select[Any] | None:
    """Return the query for the runs that pass a comparison, by its index; None if too many may. They are counted there:
    of a param or tag those whose value's beginning may pass."""
    if not has_index(comparison):
        return None
    source = RUNS.beside[comparison.kind].source.alias("rare")
    here = sa.and_(_in_experiments(source, scope), source.c.key == comparison.key)
    within = index_condition(tx, source, here, comparison)
    passing = sa.select(source.c.run_id).where(here, within).limit(few + 1).subquery()
    if (tx.scalar(sa.select(sa.func.count()).select_from(passing)) or 0) > few:
        return None
    return _having(source, comparison.key, scope).where(within, rest_condition(tx, source, comparison))


def _having(source: sa.FromClause, key: str, scope: Scope) -> sa.Select[Any]:
    """Return the query for the runs that have a key. It names no column of theirs that would lead to their index."""
    query = sa.select(runs).join_from(source, runs, runs.c.id == source.c.run_id)
    return query.where(_in_experiments(source, scope), source.c.key == key, *_in_stages(scope))


def _finish(query: sa.Select[Any], orders: Sequence[Order]) -> sa.Select[Any]:
    known = {order.key for order in orders if order.kind is Kind.ATTRIBUTE}
    return ordered(query, RUNS, orders).order_by(*(column for name, column in TIES.items() if name not in known))


def _in_experiments(source: sa.FromClause, scope: Scope) -> ColumnElement[bool]:
    ids = scope.experiment_ids
    return source.c.experiment_id == ids[0] if len(ids) == 1 else source.c.experiment_id.in_(ids)


def _in_stages(scope: Scope) -> list[ColumnElement[bool]]:
    return [] if len(scope.stages) == len(LifecycleStage) else [runs.c.lifecycle_stage.in_(scope.stages)]

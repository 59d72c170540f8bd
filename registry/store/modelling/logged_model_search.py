"""Logged models, searched. A metric is that of the given datasets, if any are given."""

from collections.abc import Sequence

import sqlalchemy as sa

from registry.core.modelling.logged_models import DatasetChoice, LoggedModel, ModelOrder
from registry.core.tracking.search import Comparison, Kind
from registry.store.metadata import Connection
from registry.store.modelling.logged_model_metrics import METRIC, SERIES, latest
from registry.store.modelling.logged_models import load
from registry.store.schema import logged_model_metrics, logged_model_params, logged_model_tags, logged_models
from registry.store.tracking.search import Beside, Searched, conditions, ordered

_c = logged_models.c


def search(
    tx: Connection,
    experiment_ids: Sequence[int],
    comparisons: Sequence[Comparison],
    datasets: Sequence[DatasetChoice],
    orders: Sequence[ModelOrder],
    limit: int,
    offset: int,
) -> list[LoggedModel]:
    """Return logged models that are not deleted, in the given order, then the newest first.

    Datasets without a comparison of a metric ask for models that were measured on one of them at all.
    """
    here = _c.experiment_id.in_(experiment_ids)
    measured = logged_model_metrics.c.model_id.in_(sa.select(_c.id).where(here)) & _on(datasets)
    where = conditions(tx, _searched(latest(SERIES, measured)), comparisons)
    if datasets and not any(one.kind is Kind.METRIC for one in comparisons):
        where.append(_c.id.in_(sa.select(logged_model_metrics.c.model_id).where(measured)))
    query = sa.select(logged_models).where(here, _c.deleted_ms.is_(None), *where)
    for order in orders:
        ranked = measured & _on([order.dataset]) if order.dataset else measured
        query = ordered(query, _searched(latest(METRIC, ranked)), [order.order])
    return load(tx, query.order_by(_c.created_ms.desc(), _c.id).limit(limit).offset(offset))


def _searched(metrics: sa.Subquery) -> Searched:
    owner = {"model_id": _c.id}
    return Searched(
        attributes={
            "name": _c.name,
            "model_id": _c.id,
            "model_type": _c.model_type,
            "status": _c.status,
            "source_run_id": _c.source_run_id,
            "creation_timestamp": _c.created_ms,
            "last_updated_timestamp": _c.updated_ms,
        },
        beside={
            Kind.TAG: Beside(logged_model_tags, owner),
            Kind.PARAM: Beside(logged_model_params, owner),
            Kind.METRIC: Beside(metrics, owner),
        },
    )


def _on(datasets: Sequence[DatasetChoice]) -> sa.ColumnElement[bool]:
    table = logged_model_metrics.c
    choices = [
        (table.dataset_name == one.name) & (table.dataset_digest == one.digest if one.digest else sa.true())
        for one in datasets
    ]
    return sa.or_(*choices) if choices else sa.true()

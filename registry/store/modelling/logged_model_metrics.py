"""What runs measured of logged models, each on a dataset or none. Logging it is the runs' business."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.modelling.logged_models import ModelMetric
from registry.store.metadata import Connection
from registry.store.schema import logged_model_metrics

_c = logged_model_metrics.c
METRIC = (_c.model_id, _c.key)
SERIES = (*METRIC, _c.run_id, _c.dataset_name, _c.dataset_digest)


def latest(series: Sequence[sa.ColumnElement[Any]], where: sa.ColumnElement[bool]) -> sa.Subquery:
    """Return the latest point of each series, among the rows that ``where`` lets through, as a table."""
    newest_first = (_c.step.desc(), _c.timestamp_ms.desc(), _c.is_nan, _c.value.desc(), _c.run_id)
    rank = sa.func.row_number().over(partition_by=series, order_by=newest_first).label("rank")
    ranked = sa.select(logged_model_metrics, rank).where(where).subquery()
    return sa.select(*(ranked.c[column.name] for column in _c)).where(ranked.c.rank == 1).subquery()


def latest_of(tx: Connection, model_ids: Sequence[str]) -> dict[str, list[ModelMetric]]:
    """Return model → the latest point of each metric, run and dataset, in this order."""
    metrics: dict[str, list[ModelMetric]] = defaultdict(list)
    points = latest(SERIES, _c.model_id.in_(model_ids)).c
    order = (points.key, points.run_id, points.dataset_name, points.dataset_digest)
    for row in tx.execute(sa.select(*points).order_by(*order)):
        metrics[row.model_id].append(
            ModelMetric(
                model_id=row.model_id,
                key=row.key,
                run_id=row.run_id,
                step=row.step,
                timestamp_ms=row.timestamp_ms,
                value=math.nan if row.is_nan else row.value,
                dataset_name=row.dataset_name,
                dataset_digest=row.dataset_digest,
            )
        )
    return metrics

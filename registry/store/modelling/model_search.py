"""Registered models and their versions, searched."""

from collections.abc import Sequence

import sqlalchemy as sa

from registry.core.modelling.models import PROMPT_TAG, ModelEntry, VersionEntry
from registry.core.tracking.search import Comparison, Kind, Order
from registry.store.metadata import Connection
from registry.store.modelling import model_versions as versions
from registry.store.modelling import models as rows
from registry.store.schema import model_tags, model_version_tags, model_versions, models
from registry.store.tracking.search import Beside, Searched, conditions, ordered

MODELS = Searched(
    attributes={
        "name": models.c.name,
        "creation_timestamp": models.c.created_ms,
        "last_updated_timestamp": models.c.updated_ms,
    },
    beside={Kind.TAG: Beside(model_tags, {"name": models.c.name})},
)
VERSIONS = Searched(
    attributes={
        "name": model_versions.c.name,
        "version_number": model_versions.c.version,
        "run_id": model_versions.c.run_id,
        "source_path": model_versions.c.source,
        "creation_timestamp": model_versions.c.created_ms,
        "last_updated_timestamp": model_versions.c.updated_ms,
    },
    beside={Kind.TAG: Beside(model_version_tags, {"name": model_versions.c.name, "version": model_versions.c.version})},
)


def search_models(
    tx: Connection, comparisons: Sequence[Comparison], orders: Sequence[Order], limit: int, offset: int
) -> list[ModelEntry]:
    """Return models that are not deleted, in the given order and then by name. Prompts only if they are asked for."""
    where = _conditions(tx, MODELS, comparisons)
    query = ordered(sa.select(models).where(models.c.deleted_ms.is_(None), *where), MODELS, orders)
    return rows.entries(tx, query.order_by(models.c.name).limit(limit).offset(offset))


def search_versions(
    tx: Connection, comparisons: Sequence[Comparison], orders: Sequence[Order], limit: int, offset: int
) -> list[VersionEntry]:
    """Return versions that are not deleted, in the given order, then the last changed first. Prompts as above."""
    where = _conditions(tx, VERSIONS, comparisons)
    query = sa.select(model_versions).where(model_versions.c.deleted_ms.is_(None), *where)
    ties = (model_versions.c.updated_ms.desc(), model_versions.c.name, model_versions.c.version.desc())
    return versions.entries(tx, ordered(query, VERSIONS, orders).order_by(*ties).limit(limit).offset(offset))


def _conditions(tx: Connection, noun: Searched, comparisons: Sequence[Comparison]) -> list[sa.ColumnElement[bool]]:
    """What is no prompt lacks the tag, so MLflow's own way to leave prompts out, ``!= 'true'``, means that here."""
    about_prompts = [one for one in comparisons if (one.kind, one.key) == (Kind.TAG, PROMPT_TAG)]
    left_out = [one for one in about_prompts if (one.operator, one.value) == ("!=", "true")]
    where = conditions(tx, noun, [one for one in comparisons if one not in left_out])
    if left_out or not about_prompts:
        (prompts,) = conditions(tx, noun, [Comparison(Kind.TAG, PROMPT_TAG, "=", "true")])
        where.append(~prompts)
    return where

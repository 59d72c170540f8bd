"""Rows of aliases, and of the ledger of what every alias and stage meant."""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from registry.core.modelling.models import ModelMove, MoveKind
from registry.store.metadata import Connection
from registry.store.schema import model_aliases, model_moves
from registry.store.upsert import insert_or_replace


def set_alias(tx: Connection, name: str, alias: str, version: int) -> None:
    insert_or_replace(tx, model_aliases, [{"name": name, "alias": alias, "version": version}])


def delete_alias(tx: Connection, name: str, alias: str) -> None:
    tx.execute(sa.delete(model_aliases).where(model_aliases.c.name == name, model_aliases.c.alias == alias))


def aliases_of(tx: Connection, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return model → alias → version; a model without aliases has an empty entry."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    query = sa.select(model_aliases).where(model_aliases.c.name.in_(names)).order_by(model_aliases.c.alias)
    for row in tx.execute(query):
        found[row.name][row.alias] = row.version
    return found


def add_move(tx: Connection, name: str, move: ModelMove) -> None:
    tx.execute(
        sa.insert(model_moves).values(
            name=name,
            kind=move.kind,
            label=move.label,
            version=move.version,
            before=move.before,
            at_ms=move.at_ms,
            who=move.who,
        )
    )


def moves(tx: Connection, name: str) -> list[ModelMove]:
    """Return a model's ledger, from old to new."""
    query = sa.select(model_moves).where(model_moves.c.name == name).order_by(model_moves.c.at_ms, model_moves.c.id)
    return [
        ModelMove(
            kind=MoveKind(row.kind),
            label=row.label,
            version=row.version,
            before=row.before,
            at_ms=row.at_ms,
            who=row.who,
        )
        for row in tx.execute(query)
    ]

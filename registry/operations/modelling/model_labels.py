"""Aliases, and what each alias and stage meant at any time."""

from registry.core.modelling.models import ModelEntry, ModelMove, ModelVersion, MoveKind
from registry.core.names import check_name
from registry.operations.modelling import model_ledger as ledger
from registry.operations.modelling.models import get_version_within, get_within
from registry.operations.workspace import Workspace
from registry.store.modelling import model_labels, models


def set_alias(workspace: Workspace, name: str, alias: str, version: int, who: str = "") -> ModelEntry:
    """Point an alias at a version.

    Raises:
        InvalidInput: the alias is not legal.
        NotFound: no such version.
    """
    check_name("alias", alias)
    with workspace.metadata.write() as tx:
        get_version_within(tx, name, version)
        now_ms = workspace.now_ms()
        ledger.set_alias(tx, name, alias, version, at_ms=now_ms, who=who)
        models.touch(tx, name, now_ms)
        return get_within(tx, name)


def delete_alias(workspace: Workspace, name: str, alias: str, who: str = "") -> None:
    """Take an alias away; one that is not there is fine. Raises NotFound if there is no such model."""
    with workspace.metadata.write() as tx:
        if alias in get_within(tx, name).aliases:
            now_ms = workspace.now_ms()
            ledger.delete_alias(tx, name, alias, at_ms=now_ms, who=who)
            models.touch(tx, name, now_ms)


def find_by_alias(workspace: Workspace, name: str, alias: str) -> ModelVersion | None:
    """Return the version an alias points at; None if there is no such alias. Raises NotFound for the model."""
    with workspace.metadata.read() as tx:
        number = get_within(tx, name).aliases.get(alias)
        return None if number is None else get_version_within(tx, name, number)


def get_history(workspace: Workspace, name: str, at_ms: int | None = None) -> list[ModelMove]:
    """Return the ledger of a model, also of a deleted one; with ``at_ms``, the line of each label that held then.

    Raises:
        NotFound: there never was such a model.
    """
    with workspace.metadata.read() as tx:
        moves = model_labels.moves(tx, name)
        if not moves and models.deleted_ms(tx, name) is None:
            get_within(tx, name)
    if at_ms is None:
        return moves
    held: dict[tuple[MoveKind, str], ModelMove] = {}
    for move in moves:
        if move.at_ms <= at_ms:
            held[move.kind, move.label] = move
    return [held[key] for key in sorted(held) if held[key].version is not None]

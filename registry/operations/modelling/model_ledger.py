"""Move labels inside a transaction: whatever changes what an alias or a stage means writes a line of the ledger."""

from registry.core.modelling.models import ModelMove, MoveKind, Stage, meanings
from registry.store.metadata import Connection
from registry.store.modelling import model_labels, model_versions


def set_alias(tx: Connection, name: str, alias: str, version: int, *, at_ms: int, who: str) -> None:
    """Point an alias at a version; pointing it where it points is no move."""
    before = model_labels.aliases_of(tx, [name])[name].get(alias)
    if before != version:
        model_labels.set_alias(tx, name, alias, version)
        _note(tx, name, MoveKind.ALIAS, alias, version, before, at_ms, who)


def delete_alias(tx: Connection, name: str, alias: str, *, at_ms: int, who: str) -> None:
    """Take an alias away; one that is not there is no move."""
    before = model_labels.aliases_of(tx, [name])[name].get(alias)
    if before is not None:
        model_labels.delete_alias(tx, name, alias)
        _note(tx, name, MoveKind.ALIAS, alias, None, before, at_ms, who)


def stages(tx: Connection, name: str) -> dict[Stage, int]:
    """Return what each stage means now. Take it before a change, and hand it to ``note_stages`` after."""
    return meanings(model_versions.entries_of(tx, [name]))


def note_stages(tx: Connection, name: str, before: dict[Stage, int], *, at_ms: int, who: str) -> None:
    """Write down which stages mean another version than ``before``."""
    after = stages(tx, name)
    for stage in Stage:
        if before.get(stage) != after.get(stage):
            _note(tx, name, MoveKind.STAGE, stage, after.get(stage), before.get(stage), at_ms, who)


def _note(
    tx: Connection, name: str, kind: MoveKind, label: str, version: int | None, before: int | None, at_ms: int, who: str
) -> None:
    move = ModelMove(kind=kind, label=label, version=version, before=before, at_ms=at_ms, who=who)
    model_labels.add_move(tx, name, move)

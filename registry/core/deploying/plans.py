"""A plan: of every field the value that will hold, where it comes from, when it holds, and what holds now."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Self

import msgspec

from registry.core.deploying.fields import Effect, Field, Source, value_at


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    NOTHING = "nothing"


class PlannedField(msgspec.Struct, frozen=True, kw_only=True):
    """``before`` is what holds now, and null where there is nothing yet."""

    path: str
    value: Any
    source: Source
    effect: Effect
    before: Any = None
    changes: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What creating or updating from a file would do. ``revision`` is the number of the one that would start."""

    subject: str
    action: Action
    revision: int | None = None
    fields: list[PlannedField]

    @classmethod
    def of(cls, subject: str, fields: list[PlannedField], *, exists: bool, revision: int | None = None) -> Self:
        """Return the plan that has these fields. ``exists`` says whether there is something to change already."""
        changes = revision is not None or any(field.changes for field in fields)
        action = Action.NOTHING if not changes else Action.UPDATE if exists else Action.CREATE
        return cls(subject=subject, action=action, revision=revision, fields=fields)

    @property
    def changes(self) -> list[PlannedField]:
        return [field for field in self.fields if field.changes]


def plan_fields(
    table: Mapping[str, Field],
    file: Mapping[str, Any],
    after: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    written: Collection[str],
    sources: Mapping[str, Source] | None = None,
) -> list[PlannedField]:
    """Say of every row of a table what becomes of it, in the table's order.

    ``file`` are a document's plain values, of which ``written`` are the paths that a person wrote; ``after`` and
    ``before`` are what is stored, as ``fields.stored_endpoint`` gives it; ``sources`` says where values come from that
    no table knows beforehand.
    """
    planned = []
    for path, field in table.items():
        value = _effective(file if field.effect is Effect.FILE else after, path, field)
        now = None if before is None or field.effect is Effect.FILE else _effective(before, path, field)
        planned.append(
            PlannedField(
                path=path,
                value=value,
                source=(sources or {}).get(path) or _source(path, field, before, written),
                effect=field.effect,
                before=now,
                changes=field.effect is not Effect.FILE and (before is None or value != now),
            )
        )
    return planned


def _effective(values: Mapping[str, Any], path: str, field: Field) -> Any:
    value = value_at(values, path)
    return field.absent if value is None else value


def _source(path: str, field: Field, before: Mapping[str, Any] | None, written: Collection[str]) -> Source:
    if path in written or field.effect is Effect.CREATION:
        return Source.FILE
    if field.otherwise is Source.EXISTING and before is None:
        return Source.DEFAULT
    return field.otherwise

"""Models: made, found, changed, deleted and restored. Their versions are in ``model_versions.py``."""

from registry.core.errors import Conflict, NotFound, WrongState
from registry.core.modelling.models import (
    Model,
    ModelEntry,
    ModelVersion,
    check_tags,
    no_model,
    no_version,
    read_version,
)
from registry.core.names import ModelReference, check_name
from registry.operations.modelling import model_ledger as ledger
from registry.operations.modelling.model_users import check_unused
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.modelling import model_versions, models

LATEST = "latest"


def list_models(workspace: Workspace) -> list[Model]:
    """Return every model with its versions, by name."""
    with workspace.metadata.read() as tx:
        return models.all_models(tx)


def get_model(workspace: Workspace, name: str) -> Model:
    """Return one model with its versions. Raises NotFound."""
    with workspace.metadata.read() as tx:
        model = models.find_model(tx, name)
    if model is None:
        raise no_model(name)
    return model


def get_version(workspace: Workspace, name: str, version: str) -> ModelVersion:
    """Return one version, by its number, ``latest`` or an alias.

    Raises:
        InvalidInput: the version is none of them.
        NotFound: no such model, version or alias; the message says which there are.
    """
    numbered = version.isascii() and version.isdecimal()
    reference = ModelReference(name, read_version(version), None) if numbered else ModelReference(name, None, version)
    with workspace.metadata.read() as tx:
        return resolve_within(tx, reference)


def create_model(workspace: Workspace, name: str, *, description: str, tags: dict[str, str]) -> ModelEntry:
    """Make a model without versions. One that was deleted begins anew, and its numbers go on.

    Raises:
        InvalidInput: the name is not legal, or a tag passes a limit.
        Conflict: the name is taken.
    """
    check_name("model", name)
    check_tags(tags)
    with workspace.metadata.write() as tx:
        if models.find_entry(tx, name) is not None:
            raise Conflict(f"Registered Model (name={name}) already exists.", model=name)
        models.create(tx, name, description, workspace.now_ms())
        models.set_tags(tx, name, tags)
        return get_within(tx, name)


def describe_model(workspace: Workspace, name: str, description: str | None) -> ModelEntry:
    """Replace the model card, unless it is None. Raises NotFound."""
    with workspace.metadata.write() as tx:
        entry = get_within(tx, name)
        models.set_description(tx, name, entry.description if description is None else description)
        models.touch(tx, name, workspace.now_ms())
        return get_within(tx, name)


def rename_model(workspace: Workspace, name: str, new_name: str, who: str = "") -> ModelEntry:
    """Give a model another name, with all it has. The old name keeps hidden copies: its numbers are not given again.

    Raises:
        InvalidInput: the new name is not legal.
        NotFound: no such model.
        Conflict: the new name is taken, or was: a deleted model's versions are still there.
        WrongState: a deployment uses a version.
    """
    check_name("model", new_name)
    with workspace.metadata.write() as tx:
        before = get_within(tx, name)
        if new_name == name:
            return before
        if models.find_entry(tx, new_name) is not None:
            raise Conflict(f"Registered Model (name={new_name}) already exists.", model=new_name)
        if model_versions.next_number(tx, new_name) > 1:
            raise Conflict(f"{new_name!r} was another model's name: its numbers are not given again", model=new_name)
        check_unused(tx, name)
        now_ms = workspace.now_ms()
        models.create(tx, new_name, before.description, now_ms)
        models.set_tags(tx, new_name, before.tags)
        model_versions.copy(tx, name, new_name)
        for alias, version in before.aliases.items():
            ledger.set_alias(tx, new_name, alias, version, at_ms=now_ms, who=who)
        ledger.note_stages(tx, new_name, {}, at_ms=now_ms, who=who)
        _hide(tx, name, now_ms, who)
        return get_within(tx, new_name)


def delete_model(workspace: Workspace, name: str, who: str = "") -> None:
    """Hide a model with its versions; its aliases go away.

    Raises:
        NotFound: no such model.
        WrongState: a deployment uses a version.
    """
    with workspace.metadata.write() as tx:
        get_within(tx, name)
        check_unused(tx, name)
        _hide(tx, name, workspace.now_ms(), who)


def restore_model(workspace: Workspace, name: str, who: str = "") -> Model:
    """Show a deleted model again, with the versions that were deleted with it; aliases stay away.

    Raises:
        NotFound: there never was such a model.
        WrongState: it is not deleted.
    """
    with workspace.metadata.write() as tx:
        deleted_ms = models.deleted_ms(tx, name)
        if deleted_ms is None:
            get_within(tx, name)
            raise WrongState(f"model {name!r} is not deleted", model=name)
        now_ms = workspace.now_ms()
        models.set_deleted(tx, name, None)
        models.touch(tx, name, now_ms)
        for version, its_deleted_ms in model_versions.deleted(tx, name).items():
            if its_deleted_ms == deleted_ms:
                model_versions.set_deleted(tx, name, version, None)
        ledger.note_stages(tx, name, {}, at_ms=now_ms, who=who)
        model = models.find_model(tx, name)
        assert model is not None
        return model


def set_tag(workspace: Workspace, name: str, key: str, value: str) -> None:
    """Set a model's tag.

    Raises:
        NotFound: no such model.
        InvalidInput: a limit is passed.
    """
    check_tags({key: value})
    with workspace.metadata.write() as tx:
        get_within(tx, name)
        models.set_tags(tx, name, {key: value})
        models.touch(tx, name, workspace.now_ms())


def delete_tag(workspace: Workspace, name: str, key: str) -> None:
    """Delete a model's tag; one that is not there is fine. Raises NotFound."""
    with workspace.metadata.write() as tx:
        get_within(tx, name)
        if models.delete_tag(tx, name, key):
            models.touch(tx, name, workspace.now_ms())


def get_within(tx: Connection, name: str) -> ModelEntry:
    """Return a model inside the caller's transaction. Raises NotFound."""
    entry = models.find_entry(tx, name)
    if entry is None:
        raise no_model(name)
    return entry


def get_version_within(tx: Connection, name: str, version: int) -> ModelVersion:
    """Return a version inside the caller's transaction. Raises NotFound; the message says which there are."""
    found = model_versions.find(tx, name, version)
    if found is None:
        get_within(tx, name)
        raise no_version(name, version, [one.version for one in model_versions.entries_of(tx, [name])])
    return found


def resolve_within(tx: Connection, reference: ModelReference) -> ModelVersion:
    """Return the version that a reference means now: its number, its alias, or the newest for ``latest``.

    Raises:
        InvalidInput: what stands for an alias cannot be one.
        NotFound: no such model, version or alias.
    """
    if reference.version is not None:
        return get_version_within(tx, reference.name, reference.version)
    alias = reference.alias or LATEST
    entry = get_within(tx, reference.name)
    if alias != LATEST:
        if check_name("alias", alias) not in entry.aliases:
            known = ", ".join(sorted(entry.aliases)) or "none"
            raise NotFound(f"model {reference.name!r} has no alias {alias!r} (there is: {known})", alias=alias)
        return get_version_within(tx, reference.name, entry.aliases[alias])
    numbers = [one.version for one in model_versions.entries_of(tx, [reference.name])]
    if not numbers:
        raise NotFound(f"model {reference.name!r} has no version yet", model=reference.name)
    return get_version_within(tx, reference.name, numbers[-1])


def ensure_within(tx: Connection, name: str, now_ms: int) -> None:
    """Make a model unless it is there; note that it changed."""
    if models.find_entry(tx, name) is None:
        models.create(tx, name, "", now_ms)
    models.touch(tx, name, now_ms)


def _hide(tx: Connection, name: str, now_ms: int, who: str) -> None:
    meant = ledger.stages(tx, name)
    for alias in get_within(tx, name).aliases:
        ledger.delete_alias(tx, name, alias, at_ms=now_ms, who=who)
    for version in model_versions.entries_of(tx, [name]):
        model_versions.set_deleted(tx, name, version.version, now_ms)
    ledger.note_stages(tx, name, meant, at_ms=now_ms, who=who)
    models.set_deleted(tx, name, now_ms)

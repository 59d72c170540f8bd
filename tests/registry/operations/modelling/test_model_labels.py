"""What aliases and stages meant: the ledger, through everything that moves them."""

import pytest

from registry.core.errors import Conflict, InvalidInput, NotFound, WrongState
from registry.core.modelling.models import ModelMove, Stage
from registry.operations.modelling.model_labels import delete_alias, get_history, set_alias
from registry.operations.modelling.model_versions import create_version, delete_version, move_to_stage, restore_version
from registry.operations.modelling.models import create_model, delete_model, get_model, rename_model, restore_model
from registry.operations.workspace import Workspace


@pytest.fixture(autouse=True)
def cancer(workspace: Workspace) -> None:
    """The model "cancer" with three versions."""
    create_model(workspace, "cancer", description="", tags={})
    for _ in range(3):
        create_version(workspace, "cancer", source="s3://bucket/model")


def told(workspace: Workspace, name: str = "cancer") -> list[tuple[str, int | None, int | None]]:
    return [(move.label, move.before, move.version) for move in get_history(workspace, name)]


def meant(workspace: Workspace, move: ModelMove) -> dict[str, int | None]:
    return {one.label: one.version for one in get_history(workspace, "cancer", move.at_ms)}


def test_every_move_of_an_alias_is_a_line_with_its_mover(workspace: Workspace) -> None:
    set_alias(workspace, "cancer", "champion", 1, "ada")
    set_alias(workspace, "cancer", "champion", 1, "bob")  # no move
    set_alias(workspace, "cancer", "champion", 2, "bob")
    delete_alias(workspace, "cancer", "champion", "ada")
    delete_alias(workspace, "cancer", "champion", "ada")  # no move
    assert told(workspace) == [("champion", None, 1), ("champion", 1, 2), ("champion", 2, None)]
    assert [move.who for move in get_history(workspace, "cancer")] == ["ada", "bob", "ada"]


def test_a_stage_means_the_newest_version_in_it(workspace: Workspace) -> None:
    move_to_stage(workspace, "cancer", 2, Stage.PRODUCTION, archive_others=False)
    move_to_stage(workspace, "cancer", 1, Stage.PRODUCTION, archive_others=False)  # 2 is newer: no move
    move_to_stage(workspace, "cancer", 3, Stage.PRODUCTION, archive_others=True)
    move_to_stage(workspace, "cancer", 3, Stage.NONE, archive_others=False)
    assert told(workspace) == [
        ("Production", None, 2),
        ("Production", 2, 3),
        ("Archived", None, 2),
        ("Production", 3, None),
    ]


def test_the_ledger_tells_what_held_at_any_time(workspace: Workspace) -> None:
    set_alias(workspace, "cancer", "champion", 1)
    move_to_stage(workspace, "cancer", 1, Stage.STAGING, archive_others=False)
    set_alias(workspace, "cancer", "champion", 2)
    delete_alias(workspace, "cancer", "champion")
    first, second, third, last = get_history(workspace, "cancer")
    assert meant(workspace, first) == {"champion": 1}
    assert meant(workspace, second) == {"champion": 1, "Staging": 1}
    assert meant(workspace, third) == {"champion": 2, "Staging": 1}
    assert meant(workspace, last) == {"Staging": 1}
    assert get_history(workspace, "cancer", first.at_ms - 1) == []


def test_a_deleted_version_takes_its_labels_with_it(workspace: Workspace) -> None:
    set_alias(workspace, "cancer", "champion", 2)
    move_to_stage(workspace, "cancer", 2, Stage.PRODUCTION, archive_others=False)
    delete_version(workspace, "cancer", 2)
    restore_version(workspace, "cancer", 2)
    assert told(workspace)[2:] == [("champion", 2, None), ("Production", 2, None), ("Production", None, 2)]
    assert get_model(workspace, "cancer").aliases == {}
    with pytest.raises(WrongState, match="is not deleted"):
        restore_version(workspace, "cancer", 2)
    with pytest.raises(NotFound, match=r"no version 9 \(there is: 1, 2, 3\)"):
        restore_version(workspace, "cancer", 9)


def test_a_deleted_model_keeps_its_history_and_comes_back_with_its_versions(workspace: Workspace) -> None:
    set_alias(workspace, "cancer", "champion", 2)
    move_to_stage(workspace, "cancer", 3, Stage.PRODUCTION, archive_others=False)
    delete_version(workspace, "cancer", 1)
    delete_model(workspace, "cancer")
    with pytest.raises(NotFound):
        get_model(workspace, "cancer")
    assert told(workspace)[-2:] == [("champion", 2, None), ("Production", 3, None)]
    with pytest.raises(WrongState, match="restore it first"):
        restore_version(workspace, "cancer", 1)
    restored = restore_model(workspace, "cancer")
    assert [version.version for version in restored.versions] == [2, 3]  # 1 had been deleted before
    assert told(workspace)[-1] == ("Production", None, 3)
    with pytest.raises(WrongState, match="is not deleted"):
        restore_model(workspace, "cancer")


def test_a_model_made_again_begins_anew_and_its_numbers_go_on(workspace: Workspace) -> None:
    delete_model(workspace, "cancer")
    create_model(workspace, "cancer", description="another", tags={"team": "b"})
    assert create_version(workspace, "cancer", source="s3://bucket/model").version == 4
    model = get_model(workspace, "cancer")
    assert (model.description, model.tags, len(model.versions)) == ("another", {"team": "b"}, 1)
    assert restore_version(workspace, "cancer", 1).version == 1


def test_a_renamed_model_tells_both_names_histories(workspace: Workspace) -> None:
    set_alias(workspace, "cancer", "champion", 2)
    move_to_stage(workspace, "cancer", 3, Stage.PRODUCTION, archive_others=False)
    rename_model(workspace, "cancer", "tumour", "ada")
    assert told(workspace)[2:] == [("champion", 2, None), ("Production", 3, None)]
    assert told(workspace, "tumour") == [("champion", None, 2), ("Production", None, 3)]
    create_model(workspace, "other", description="", tags={})
    for taken in ("tumour", "cancer"):
        with pytest.raises(Conflict):
            rename_model(workspace, "other", taken)
    with pytest.raises(InvalidInput):
        rename_model(workspace, "other", "a/b")


def test_a_history_needs_a_model(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no model 'nothing'"):
        get_history(workspace, "nothing")
    assert get_history(workspace, "cancer") == []

from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.modelling.dataset_versions import DatasetVersion, NewDatasetVersion
from registry.core.purge import PurgeKind
from registry.core.rest import ImportedFile
from registry.core.security.access import ANYBODY, Caller, Role
from registry.operations.imaging.image_works import open_image_works
from registry.operations.modelling.dataset_versions import (
    create_version,
    delete_version,
    get_version,
    list_versions,
    resolve_dataset,
    restore_version,
)
from registry.operations.security.caller import set_caller
from registry.operations.upkeep.integrity import verify
from registry.operations.upkeep.purge import preview, purge
from registry.operations.workspace import Workspace


def made(workspace: Workspace, text: str, name: str = "rows") -> DatasetVersion:
    digest = workspace.blobs.put(text.encode()).digest
    new = NewDatasetVersion(files=[ImportedFile(path="rows.csv", digest=digest)], tags={"split": "test"})
    return create_version(workspace, name, new)


def test_versions_are_numbered_and_the_newest_is_latest(workspace: Workspace) -> None:
    first, second, other = made(workspace, "1,2"), made(workspace, "3,4"), made(workspace, "1,2", name="others")
    assert [one.version for one in (first, second, other)] == [1, 2, 1]
    assert get_version(workspace, "rows", 1) == resolve_dataset(workspace, "azureml:rows:1") == first
    assert get_version(workspace, "rows", None) == resolve_dataset(workspace, "rows@latest") == second
    assert list_versions(workspace) == [other, first, second]
    assert list_versions(workspace, "rows") == [first, second]
    assert (first.size_bytes, first.tags) == (3, {"split": "test"})


def test_who_made_a_version_is_remembered(workspace: Workspace) -> None:
    set_caller(Caller(name="ada", role=Role.CONTRIBUTOR))
    try:
        assert made(workspace, "1").created_by == "ada"
    finally:
        set_caller(ANYBODY)


def test_a_deleted_version_is_hidden_until_it_is_restored(workspace: Workspace) -> None:
    first, second = made(workspace, "1"), made(workspace, "2")
    delete_version(workspace, "rows", 2)
    assert get_version(workspace, "rows", None) == first
    with pytest.raises(NotFound, match=r"no version 2 \(there is: 1\)"):
        get_version(workspace, "rows", 2)
    with pytest.raises(NotFound):
        delete_version(workspace, "rows", 2)
    assert restore_version(workspace, "rows", 2) == second


def test_a_purge_deletes_for_good_and_the_number_is_not_given_again(workspace: Workspace, tmp_path: Path) -> None:
    made(workspace, "1")
    kept = made(workspace, "2")
    delete_version(workspace, "rows", 1)
    (item,) = preview(workspace, 0).items
    assert (item.kind, item.name, item.files, item.bytes) == (PurgeKind.DATASET, "rows:1", 1, 1)
    purge(workspace, 0)
    with pytest.raises(NotFound):
        restore_version(workspace, "rows", 1)
    assert list_versions(workspace) == [kept]
    assert made(workspace, "3").version == 3
    layout = open_image_works(tmp_path / "images").layout
    assert [fault.where for fault in verify(workspace, layout).faults] == []


@pytest.mark.parametrize("paths", [[], ["a", "a"], ["a", "a/b"], ["../a"], ["/a"]])
def test_paths_that_cannot_lie_in_one_folder_are_refused(workspace: Workspace, paths: list[str]) -> None:
    digest = workspace.blobs.put(b"x").digest
    new = NewDatasetVersion(files=[ImportedFile(path=path, digest=digest) for path in paths])
    with pytest.raises(InvalidInput):
        create_version(workspace, "rows", new)
    assert list_versions(workspace) == []


def test_what_is_not_there_is_not_found(workspace: Workspace) -> None:
    for reference in ("rows:1", "rows@latest"):
        with pytest.raises(NotFound, match="there is no dataset 'rows'"):
            resolve_dataset(workspace, reference)
    with pytest.raises(NotFound):
        list_versions(workspace, "rows")
    with pytest.raises(NotFound):
        create_version(
            workspace, "rows", NewDatasetVersion(files=[ImportedFile(path="a", digest=f"sha256:{'0' * 64}")])
        )


@pytest.mark.parametrize("reference", ["rows", "rows:x", "a/b:1", "rows@champion", ""])
def test_a_reference_has_a_version(workspace: Workspace, reference: str) -> None:
    with pytest.raises(InvalidInput):
        resolve_dataset(workspace, reference)

import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.rest import ImportedFile
from registry.operations.modelling.lineage import get_lineage
from registry.operations.modelling.model_versions import import_version
from registry.operations.modelling.models import get_version
from registry.operations.workspace import Workspace


def test_uploaded_blobs_become_a_version(workspace: Workspace) -> None:
    digest = workspace.blobs.put(b"weights").digest
    files = [ImportedFile(path="m/b", digest=digest), ImportedFile(path="m/a", digest=digest)]
    version = import_version(workspace, "cancer", files, path="m", who="ada")
    assert [(file.path, file.size) for file in version.files] == [("m/a", 7), ("m/b", 7)]
    assert (version.folder, version.user_id) == ("m", "ada")
    assert version.source == "mlflow-artifacts:/registered-models/cancer/1"
    assert get_version(workspace, "cancer", "latest") == version


@pytest.mark.parametrize("paths", [[], ["a", "a"], ["a", "a/b"], ["../a"], ["/a"], ["a\\b"], ["a//b"], [""]])
def test_files_that_no_folder_could_hold_are_refused(workspace: Workspace, paths: list[str]) -> None:
    digest = workspace.blobs.put(b"weights").digest
    with pytest.raises(InvalidInput):
        import_version(workspace, "cancer", [ImportedFile(path=path, digest=digest) for path in paths], path="")


def test_a_blob_that_was_not_uploaded_is_named(workspace: Workspace) -> None:
    missing = f"sha256:{'0' * 64}"
    with pytest.raises(NotFound, match=missing):
        import_version(workspace, "cancer", [ImportedFile(path="a", digest=missing)], path="")


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"[1]",
            b"signature: 7",
            b"signature: {inputs: 'not JSON'}",
            b"\xff\xfe",
            b"signature: {inputs: [&a [*a]]}",
        ),
        b"a: &a [x]\nsignature: {inputs: *a}",
    ],
)
def test_an_mlmodel_file_that_is_none_breaks_nothing(workspace: Workspace, content: bytes) -> None:
    digest = workspace.blobs.put(content).digest
    import_version(workspace, "cancer", [ImportedFile(path="MLmodel", digest=digest)], path="MLmodel")
    (version,) = get_lineage(workspace, "cancer").versions
    assert version.signature is None or version.signature.inputs is None

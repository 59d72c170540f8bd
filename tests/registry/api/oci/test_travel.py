"""An image and what is attached to it, copied from one workspace to another as OCI's clients copy."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from registry.core.imaging.images import INDEX_TYPE, Descriptor, Image, Index, Manifest
from registry.core.imaging.signatures import NewTrustedKey
from registry.operations.imaging import signing
from registry.operations.imaging.catalog import resolve_image
from registry.operations.imaging.image_verify import verify_image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.workspace import Workspace, open_workspace
from tests.registry.api.oci.conftest import Repository
from tests.registry.conftest import serve
from tests.registry.operations.signed_image import NAME, make_image


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Workspace]:
    workspace = open_workspace(f"sqlite:///{tmp_path}/other.db", "memory://")
    yield workspace
    workspace.close()


def copy(origin: Repository, target: Repository, reference: str) -> httpx.Response:
    """Copy a manifest with its blobs, and what refers to it, as ``oras cp -r`` does."""
    pulled = origin.http.get(f"{origin.url}/manifests/{reference}")
    manifest = msgspec.json.decode(pulled.content, type=Manifest)
    for blob in (manifest.config, *manifest.layers):
        target.blob(origin.http.get(f"{origin.url}/blobs/{blob.digest}").content)
    pushed = target.put(reference, pulled.content, pulled.headers["content-type"])
    digest = pulled.headers["docker-content-digest"]
    listed = origin.http.get(f"{origin.url}/referrers/{digest}")
    for one in msgspec.json.decode(listed.content, type=Index).manifests:
        assert copy(origin, target, one.digest).headers["oci-subject"] == digest
    return pushed


@pytest.fixture
def here(tmp_path: Path) -> ImageWorks:
    return open_image_works(tmp_path / "images")


def faults(workspace: Workspace, works: ImageWorks, image: Image) -> list[str]:
    return verify_image(workspace, works, image, lambda part, line: None)


def test_a_copied_image_is_believed_once_its_builder_is(
    workspace: Workspace, here: ImageWorks, http: httpx.Client, other: Workspace, tmp_path: Path
) -> None:
    there = open_image_works(tmp_path / "other-images")
    signing.sign_image(other, there, make_image(other, there))
    with serve(other, tmp_path / "other-images") as url, httpx.Client(base_url=url) as far:
        assert copy(Repository(far, NAME), Repository(http, NAME), "1").status_code == 201
    image = resolve_image(workspace, f"{NAME}:1")
    (unknown,) = faults(workspace, here, image)
    assert "trust" in unknown
    (builder,) = [key for key in signing.signing_keys(other).keys if key.signing]
    signing.add_key(workspace, NewTrustedKey(name="the builder", public_key=builder.public_key))
    assert faults(workspace, here, image) == []


def test_a_list_that_others_attach_does_not_spoil_an_image(
    workspace: Workspace, here: ImageWorks, http: httpx.Client
) -> None:
    image = make_image(workspace, here)
    signing.sign_image(workspace, here, image)
    size = here.layout.size(image.digest)
    subject = Descriptor(media_type=image.layers[0].media_type, digest=image.digest, size=size)
    document = {"schemaVersion": 2, "manifests": [], "subject": msgspec.to_builtins(subject)}
    pushed = Repository(http, NAME).put("a-list", document, INDEX_TYPE)
    assert pushed.headers["oci-subject"] == image.digest
    assert faults(workspace, here, image) == []

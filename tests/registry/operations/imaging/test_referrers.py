import hashlib
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.images import EMPTY_TYPE, MANIFEST_TYPE, MAX_ATTACHED_BYTES, Image, Manifest
from registry.operations.imaging.catalog import list_images, record_image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.referrers import attach, referrers
from registry.operations.workspace import Workspace

NOTE, SEAL = "application/vnd.example.note.v1+json", "application/vnd.example.seal.v1"


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    return open_image_works(tmp_path / "images")


@pytest.fixture
def kept(workspace: Workspace, works: ImageWorks, image: Image) -> Image:
    """An image whose manifest lies in the layout."""
    digest, _ = works.layout.write([b"{}"])
    return record_image(workspace, name=image.name, digest=digest, config=image.config, layers=[], size_bytes=2)


def test_what_is_attached_is_found_by_its_subject(workspace: Workspace, works: ImageWorks, kept: Image) -> None:
    first = attach(workspace, works, kept.name, kept.digest, NOTE, b"one", {"by": "ada"})
    second = attach(workspace, works, kept.name, kept.digest, SEAL, b"two")
    found = referrers(workspace, kept.name, kept.digest)
    assert [(one.digest, one.artifact_type, one.annotations) for one in found] == [
        (first, NOTE, {"by": "ada"}),
        (second, SEAL, {}),
    ]
    assert [one.digest for one in referrers(workspace, kept.name, kept.digest, SEAL)] == [second]
    assert referrers(workspace, kept.name, kept.digest, "other") == []
    assert found[0].size == works.layout.path(first).stat().st_size


def test_an_artefact_is_a_manifest_of_one_part(workspace: Workspace, works: ImageWorks, kept: Image) -> None:
    digest = attach(workspace, works, kept.name, kept.digest, NOTE, b"one")
    artefact = msgspec.json.decode(works.layout.path(digest).read_bytes(), type=Manifest)
    assert (artefact.media_type, artefact.artifact_type, artefact.config.media_type) == (
        MANIFEST_TYPE,
        NOTE,
        EMPTY_TYPE,
    )
    assert artefact.subject is not None
    assert (artefact.subject.digest, artefact.subject.size) == (kept.digest, 2)
    assert [works.layout.path(layer.digest).read_bytes() for layer in artefact.layers] == [b"one"]


def test_the_same_attached_twice_is_there_once(workspace: Workspace, works: ImageWorks, kept: Image) -> None:
    twice = {attach(workspace, works, kept.name, kept.digest, NOTE, b"one") for _ in range(2)}
    assert [one.digest for one in referrers(workspace, kept.name, kept.digest)] == list(twice)


def test_an_artefact_is_no_image(workspace: Workspace, works: ImageWorks, kept: Image) -> None:
    before = list_images(workspace)
    attach(workspace, works, kept.name, kept.digest, NOTE, b"one")
    assert list_images(workspace) == before


def test_nothing_is_attached_to_what_is_not_there(workspace: Workspace, works: ImageWorks, kept: Image) -> None:
    nowhere = f"sha256:{hashlib.sha256(b'nowhere').hexdigest()}"
    with pytest.raises(NotFound, match="has no manifest"):
        attach(workspace, works, kept.name, nowhere, NOTE, b"one")
    with pytest.raises(NotFound, match="other has no manifest"):
        attach(workspace, works, "other", kept.digest, NOTE, b"one")
    assert referrers(workspace, kept.name, nowhere) == []


def test_what_is_attached_is_small(workspace: Workspace, works: ImageWorks, kept: Image) -> None:
    with pytest.raises(InvalidInput, match=r"more than the 4,194,304 that can be attached"):
        attach(workspace, works, kept.name, kept.digest, NOTE, bytes(MAX_ATTACHED_BYTES + 1))
    assert referrers(workspace, kept.name, kept.digest) == []

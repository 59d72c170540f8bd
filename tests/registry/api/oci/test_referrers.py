"""What is attached to an image, as OCI's clients and our nodes read it."""

from pathlib import Path

import httpx
import msgspec
import pytest

from registry.core.imaging.images import INDEX_TYPE, Descriptor, Image, Index
from registry.images.keeping.layout import ImageLayout
from registry.operations.imaging.catalog import record_image
from registry.operations.imaging.image_works import open_image_works
from registry.operations.imaging.referrers import attach
from registry.operations.workspace import Workspace
from serving.node.errors import ImageRefused, PullFailed
from serving.node.keeping.pull import Puller

NOTE, SEAL = "application/vnd.example.note.v1+json", "application/vnd.example.seal.v1"


@pytest.fixture
def noted(workspace: Workspace, image: Image, tmp_path: Path) -> Image:
    """An image of team/cancer with a note and a seal."""
    works = open_image_works(tmp_path / "images")
    digest, _ = works.layout.write([b"{}"])
    kept = record_image(workspace, name="team/cancer", digest=digest, config=image.config, layers=[], size_bytes=2)
    attach(workspace, works, kept.name, digest, NOTE, b"it is good", {"by": "ada"})
    attach(workspace, works, kept.name, digest, SEAL, b"seal")
    return kept


def test_referrers_are_an_index(noted: Image, http: httpx.Client) -> None:
    answer = http.get(f"/v2/{noted.name}/referrers/{noted.digest}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, INDEX_TYPE)
    assert "oci-filters-applied" not in answer.headers
    note, seal = answer.json()["manifests"]
    assert (note["artifactType"], note["annotations"], seal["artifactType"]) == (NOTE, {"by": "ada"}, SEAL)
    assert http.get(f"/v2/{noted.name}/manifests/{note['digest']}").json()["subject"]["digest"] == noted.digest


def test_referrers_of_one_type_say_that_they_were_chosen(noted: Image, http: httpx.Client) -> None:
    answer = http.get(f"/v2/{noted.name}/referrers/{noted.digest}", params={"artifactType": SEAL})
    assert answer.headers["oci-filters-applied"] == "artifactType"
    assert [one["artifactType"] for one in answer.json()["manifests"]] == [SEAL]


def test_of_what_is_not_there_the_list_is_empty(noted: Image, http: httpx.Client) -> None:
    for path in (f"{noted.name}/referrers/sha256:{'0' * 64}", f"none/referrers/{noted.digest}"):
        answer = http.get(f"/v2/{path}")
        assert (answer.status_code, answer.json()["manifests"]) == (200, [])
    assert http.get(f"/v2/{noted.name}/referrers/latest").status_code == 400


def test_a_node_reads_what_is_attached(noted: Image, url: str) -> None:
    with Puller(url) as puller:
        (note,) = puller.referrers(noted.name, noted.digest, NOTE)
        assert puller.document(noted.name, puller.part(noted.name, note)) == b"it is good"
        assert puller.referrers(noted.name, noted.digest, "application/other+type") == []


def test_a_node_refuses_an_artefact_with_other_bytes(noted: Image, url: str, tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "images")
    with Puller(url) as puller:
        (note,) = puller.referrers(noted.name, noted.digest, NOTE)
        payload = layout.manifest(note.digest).layers[0]
        layout.path(payload.digest).write_bytes(b"it is evil")
        with pytest.raises(ImageRefused, match="arrived damaged") as refused:
            puller.document(noted.name, puller.part(noted.name, note))
        assert refused.value.blob == payload.digest
        layout.path(note.digest).write_bytes(msgspec.json.encode(Index()))
        with pytest.raises(ImageRefused, match="arrived damaged"):
            puller.document(noted.name, puller.part(noted.name, note))
        gone = Descriptor(media_type="", digest=f"sha256:{'0' * 64}", size=1)
        with pytest.raises(PullFailed, match="has no"):
            puller.part(noted.name, gone)

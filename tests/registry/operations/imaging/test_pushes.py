"""What a pushed manifest becomes: an image of the workspace's, or something that is kept beside them."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.errors import Conflict, InvalidInput, NotFound, WrongState
from registry.core.imaging.image_prune import PruneOrder
from registry.core.imaging.images import CONFIG_TYPE, IMAGE_LABEL, LAYER_TYPE, LOCK_PATH, MANIFEST_TYPE, Image
from registry.core.imaging.pushes import InvalidManifest, MissingParts, RefusedImage
from registry.core.imaging.samples import GOLDEN_TYPE
from registry.core.imaging.signatures import SIGNATURE_TYPE
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes, tar_chunks
from registry.images.pushed.attached import MAX_PUSHED_ALIKE
from registry.operations.deploying.deployments import put_deployment
from registry.operations.deploying.endpoints import put_endpoint
from registry.operations.imaging.catalog import list_images, resolve_image
from registry.operations.imaging.image_prune import preview
from registry.operations.imaging.image_tags import get_history, tag_image
from registry.operations.imaging.manifests import delete_blob, delete_manifest, delete_tag, list_tags, resolve_manifest
from registry.operations.imaging.pushes import Pushed, push_manifest
from registry.operations.upkeep.integrity import verify
from registry.operations.workspace import Workspace

LOCK = b"".join(tar_chunks([entry_of_bytes(LOCK_PATH, b"")]))


class Pusher:
    """Pushes into one repository of a workspace."""

    def __init__(self, workspace: Workspace, layout: ImageLayout) -> None:
        self.workspace = workspace
        self.layout = layout

    def image(self, note: str, reference: str = "", name: str = "cancer") -> Pushed:
        """Push an image of ours; ``note`` makes it another one. Without a reference it is pushed by digest."""
        description = {
            "schema": 1,
            "kind": "scoring",
            "runtime": "onnx",
            "python": "3.11",
            "environment": f"sha256:{'e' * 64}",
            "models": [{"name": "cancer", "version": 1, "path": "var/azureml-app/azureml-models/cancer/1"}],
        }
        labels = {IMAGE_LABEL: msgspec.json.encode(description).decode(), "note": note}
        return self.put(self.manifest({"config": {"Labels": labels}}, LOCK), reference, name)

    def plain(self, note: str, reference: str = "", name: str = "cancer", **more: Any) -> Pushed:
        return self.put(self.manifest({"note": note}, **more), reference, name)

    def manifest(self, config: object, *layers: bytes, **more: Any) -> bytes:
        parts = [
            self.part(msgspec.json.encode(config), CONFIG_TYPE),
            *(self.part(layer, LAYER_TYPE) for layer in layers),
        ]
        return msgspec.json.encode({"schemaVersion": 2, "config": parts[0], "layers": parts[1:], **more})

    def part(self, content: bytes, media_type: str) -> dict[str, object]:
        digest, size = self.layout.write([content])
        return {"mediaType": media_type, "digest": digest, "size": size}

    def put(self, content: bytes, reference: str, name: str) -> Pushed:
        reference = reference or f"sha256:{hashlib.sha256(content).hexdigest()}"
        return push_manifest(self.workspace, self.layout, name, reference, content, MANIFEST_TYPE)

    def tags(self, name: str = "cancer") -> dict[str, str]:
        return {tag: resolve_manifest(self.workspace, name, tag).digest for tag in list_tags(self.workspace, name)}


@pytest.fixture
def push(workspace: Workspace, tmp_path: Path) -> Pusher:
    return Pusher(workspace, ImageLayout(tmp_path / "images"))


def images(workspace: Workspace) -> list[Image]:
    return list_images(workspace)


def test_an_image_of_ours_gets_the_next_number_and_latest(push: Pusher) -> None:
    first = push.image("one", "blue")
    second = push.image("two")
    assert push.tags() == {"1": first.digest, "blue": first.digest, "2": second.digest, "latest": second.digest}
    assert resolve_image(push.workspace, "cancer:2").config.models[0].name == "cancer"
    names = {
        entry.annotations["org.opencontainers.image.ref.name"]: entry.digest for entry in push.layout.index().manifests
    }
    assert names == {f"cancer:{tag}": digest for tag, digest in push.tags().items()}
    assert [move.tag for move in get_history(push.workspace, "cancer")] == ["1", "latest", "blue", "2", "latest"]


def test_an_image_that_is_here_already_keeps_its_number(push: Pusher) -> None:
    first, _ = push.image("one"), push.image("two")
    assert push.image("one", "again") == first
    assert resolve_image(push.workspace, "cancer:again").tags == ["1", "again"]
    assert resolve_image(push.workspace, "cancer").tags == ["2", "latest"]


def test_a_copy_keeps_the_number_it_had(push: Pusher) -> None:
    seventh = push.image("seven", "7")
    assert push.tags() == {"7": seventh.digest, "latest": seventh.digest}
    third = push.image("three", "3")
    assert push.image("three", "3") == third
    assert resolve_image(push.workspace, f"cancer@{push.image('eight').digest}").tags == ["8", "latest"]


def test_a_number_means_one_image_for_ever(push: Pusher) -> None:
    first = push.image("one", "1")
    for attempt in (
        partial(push.image, "two", "1"),
        partial(push.plain, "two", "1"),
        partial(push.image, "three", "1000000000"),
    ):
        with pytest.raises(Conflict, match=r"cancer:\d+ cannot be pushed: the number is, was or would be another"):
            attempt()
    with pytest.raises(Conflict, match=r"cancer:2 cannot be pushed: this image is cancer:1 already"):
        push.image("one", "2")
    assert push.tags() == {"1": first.digest, "latest": first.digest}
    delete_manifest(push.workspace, push.layout, "cancer", first.digest)
    with pytest.raises(Conflict):
        push.image("one", "1")
    push.image("one")
    assert set(push.tags()) == {"2", "latest"}


def test_anything_else_is_kept_and_is_no_image(push: Pusher) -> None:
    chart = push.plain("a chart", "12")
    assert push.plain("a newer chart", "12") != chart  # its numbers are its own
    assert images(push.workspace) == []
    with pytest.raises(NotFound, match="is kept here and is no image of this workspace's"):
        resolve_image(push.workspace, "cancer:12")
    push.plain("takes the place of a number", "1")
    push.image("one")
    assert resolve_image(push.workspace, "cancer").tags == ["2", "latest"]


def test_what_refers_to_a_manifest_need_not_come_after_it(push: Pusher) -> None:
    subject = {"mediaType": MANIFEST_TYPE, "digest": f"sha256:{'0' * 64}", "size": 1}
    assert push.plain("a note", subject=subject).subject == subject["digest"]


def test_a_hostile_image_leaves_nothing(push: Pusher) -> None:
    description = msgspec.json.encode({"kind": "of the future"}).decode()
    content = push.manifest({"config": {"Labels": {IMAGE_LABEL: description}}}, LOCK)
    with pytest.raises(RefusedImage):
        push.put(content, "one", "cancer")
    with pytest.raises(NotFound):
        list_tags(push.workspace, "cancer")
    assert hashlib.sha256(content).hexdigest() not in {entry.digest[7:] for entry in push.layout.entries()}


def test_a_manifest_waits_for_its_parts(push: Pusher) -> None:
    content = push.manifest({}, b"a layer")
    push.layout.remove(f"sha256:{hashlib.sha256(b'a layer').hexdigest()}")
    with pytest.raises(MissingParts, match="push it before the manifest"):
        push.put(content, "one", "cancer")


@pytest.mark.parametrize(
    ("name", "reference"), [("Bad", "one"), ("cancer", "a b"), ("cancer", "sha256:00"), ("a//b", "x")]
)
def test_a_name_that_is_not_legal_is_refused(push: Pusher, name: str, reference: str) -> None:
    with pytest.raises(InvalidInput, match="invalid"):
        push.plain("x", reference, name)


# deleting


def test_a_deleted_tag_is_only_a_tag(push: Pusher) -> None:
    first = push.image("one", "blue")
    delete_tag(push.workspace, push.layout, "cancer", "blue")
    assert resolve_image(push.workspace, f"cancer@{first.digest}").tags == ["1", "latest"]
    assert get_history(push.workspace, "cancer")[-1].digest is None
    with pytest.raises(WrongState, match=f"cancer:1 is the number of an image: delete cancer@{first.digest}"):
        delete_tag(push.workspace, push.layout, "cancer", "1")
    with pytest.raises(NotFound):
        delete_tag(push.workspace, push.layout, "cancer", "blue")


def test_a_deleted_image_takes_its_tags_along_and_its_number_is_not_given_again(push: Pusher) -> None:
    first = push.image("one", "blue")
    delete_manifest(push.workspace, push.layout, "cancer", first.digest)
    assert images(push.workspace) == []
    assert list_tags(push.workspace, "cancer") == []
    assert push.layout.index().manifests == []
    push.image("two")
    assert set(push.tags()) == {"2", "latest"}


def test_an_image_that_runs_is_not_deleted(push: Pusher) -> None:
    first = push.image("one")
    put_endpoint(push.workspace, "screening", EndpointDocument())
    document = DeploymentDocument(environment=EnvironmentDocument(image="cancer:1"))
    put_deployment(push.workspace, "screening", "blue", document)
    with pytest.raises(WrongState, match="is run by screening/blue: delete or change the deployment first"):
        delete_manifest(push.workspace, push.layout, "cancer", first.digest)
    tag_image(push.workspace, "cancer:1", "green")
    delete_tag(push.workspace, push.layout, "cancer", "green")


def test_a_blob_goes_once_no_manifest_is_made_of_it(push: Pusher) -> None:
    first = push.plain("one", "one", "here")
    push.plain("one", "one", "there")
    config = next(entry.digest for entry in push.layout.entries() if entry.digest != first.digest)
    for name in ("here", "there"):
        with pytest.raises(WrongState, match=f"is a part of {name}@{first.digest}"):
            delete_blob(push.workspace, push.layout, "here", config)
        delete_manifest(push.workspace, push.layout, name, first.digest)
    delete_blob(push.workspace, push.layout, "here", config)
    with pytest.raises(NotFound):
        push.layout.path(config)


def test_whatever_is_kept_is_found_whole_and_none_of_it_is_pruned(push: Pusher) -> None:
    image = push.image("one", "stable")
    subject = {"mediaType": MANIFEST_TYPE, "digest": image.digest, "size": 1}
    push.plain("a note", subject=subject)
    chart = push.plain("a chart", "chart")
    child = {"mediaType": MANIFEST_TYPE, "digest": chart.digest, "size": 1}
    kind = "application/vnd.docker.distribution.manifest.list.v2+json"
    listed = msgspec.json.encode({"schemaVersion": 2, "mediaType": kind, "manifests": [child]})
    push_manifest(push.workspace, push.layout, "cancer", "all", listed, kind)
    assert verify(push.workspace, push.layout).faults == []
    order = PruneOrder(older_than_days=0)
    assert preview(push.workspace, push.layout, order).items == []
    delete_tag(push.workspace, push.layout, "cancer", "chart")
    assert preview(push.workspace, push.layout, order).items == []  # the list has it
    delete_tag(push.workspace, push.layout, "cancer", "all")
    gone = {item.digest for item in preview(push.workspace, push.layout, order).items}
    assert gone == {chart.digest, f"sha256:{hashlib.sha256(listed).hexdigest()}"}


SIGNED = {"statement": '{"image": "sha256:0"}', "key": "k", "signature": "c2ln"}
DEEP = b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


def attach(push: Pusher, kind: str, *payloads: bytes, note: str = "") -> Pushed:
    subject = {"mediaType": MANIFEST_TYPE, "digest": push.image("one").digest, "size": 1}
    parts = [push.part(payload, kind) for payload in payloads]
    artefact = {"artifactType": kind, "subject": subject, "layers": parts, "annotations": {"note": note}}
    return push.put(push.manifest({}, **artefact), "", "cancer")


@pytest.mark.parametrize("kind", [SIGNATURE_TYPE, GOLDEN_TYPE])
@pytest.mark.parametrize(
    ("payloads", "said"),
    [
        ([], "one part, not 0"),
        ([b"{}", b"{}"], "one part, not 2"),
        ([b"{}"], "is not of type"),
        ([DEEP], "is not of type"),
        ([b"\xff"], "is not of type"),
        ([b" " * (5 << 20)], "bytes, and"),
    ],
)
def test_what_is_no_signature_or_no_answers_cannot_be_attached_as_such(
    push: Pusher, kind: str, payloads: list[bytes], said: str
) -> None:
    with pytest.raises(InvalidManifest, match=said):
        attach(push, kind, *payloads)
    assert attach(push, "application/vnd.example", *payloads).subject is not None


def test_signatures_and_answers_of_others_are_taken_within_bounds(push: Pusher) -> None:
    signature = msgspec.json.encode(SIGNED)
    assert attach(push, GOLDEN_TYPE, b'{"answers": []}').subject == push.image("one").digest
    with pytest.raises(InvalidManifest, match="over 4,096 characters"):
        attach(push, SIGNATURE_TYPE, signature, note="x" * 5_000)
    for number in range(MAX_PUSHED_ALIKE):
        attach(push, SIGNATURE_TYPE, signature, note=str(number))
    attach(push, SIGNATURE_TYPE, signature, note="0")
    with pytest.raises(Conflict, match="128 artefacts of type"):
        attach(push, SIGNATURE_TYPE, signature, note="more")


def test_annotations_have_an_end(push: Pusher) -> None:
    with pytest.raises(InvalidManifest, match="its annotations have more than"):
        push.plain("one", annotations={"a": "x" * (64 << 10)})

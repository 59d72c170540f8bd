import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.errors import NotFound, Unavailable
from registry.core.imaging.image_prune import PruneOrder
from registry.core.imaging.images import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, Image, Manifest
from registry.core.times import DAY_MS
from registry.operations.deploying.deployments import put_deployment
from registry.operations.deploying.endpoints import put_endpoint
from registry.operations.imaging.catalog import list_images, record_image, resolve_image
from registry.operations.imaging.image_prune import preview, prune
from registry.operations.imaging.image_tags import get_history, tag_image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.referrers import attach, referrers
from registry.operations.workspace import Workspace
from tests.registry.operations.imaging.test_catalog import CONFIG

Build = Callable[[str], Image]
ALL_BUT_ONE = PruneOrder(keep=1)


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """A workspace of today: files have times too."""
    today = time.time_ns() // 1_000_000
    return replace(workspace, now_ms=lambda: today)


@pytest.fixture
def later(workspace: Workspace) -> Workspace:
    """The same workspace, three days on."""
    then = workspace.now_ms() + 3 * DAY_MS
    return replace(workspace, now_ms=lambda: then)


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    return open_image_works(tmp_path / "images")


@pytest.fixture
def build(workspace: Workspace, works: ImageWorks) -> Build:
    """Return a function that makes an image of a layer that all share and one with a text."""
    layout = works.layout

    def make(text: str) -> Image:
        def stored(content: bytes, media_type: str) -> Descriptor:
            digest, size = layout.write([content])
            return Descriptor(media_type=media_type, digest=digest, size=size)

        layers = [stored(b"shared", LAYER_TYPE), stored(text.encode(), LAYER_TYPE)]
        config = stored(b"config of " + text.encode(), CONFIG_TYPE)
        manifest = Manifest(schema_version=2, media_type=MANIFEST_TYPE, config=config, layers=layers)
        digest, _ = layout.write([msgspec.json.encode(manifest)])
        image = record_image(workspace, name="cancer", digest=digest, config=CONFIG, layers=layers, size_bytes=1)
        layout.tag(f"cancer:{image.tags[0]}", digest)
        return image

    return make


def blobs(works: ImageWorks) -> set[str]:
    return {blob.digest for blob in works.layout.entries()}


def test_numbers_and_tags_hold_everything_unless_told_otherwise(
    later: Workspace, works: ImageWorks, build: Build
) -> None:
    build("one"), build("two")
    plan = prune(later, works.layout, PruneOrder())
    assert (plan.items, plan.kept, plan.kept_images, plan.blobs) == ([], 2, 2, 0)
    assert len(list_images(later)) == 2


def test_a_preview_tells_what_would_go_and_changes_nothing(later: Workspace, works: ImageWorks, build: Build) -> None:
    one, _ = build("one"), build("two")
    before = blobs(works)
    plan = preview(later, works.layout, ALL_BUT_ONE)
    (item,) = plan.items
    size = sum(works.layout.path(digest).stat().st_size for digest in _own(works, one))
    assert (item.reference, item.digest, item.bytes) == ("cancer:1", one.digest, size)
    assert (plan.done, plan.kept, plan.blobs, plan.bytes) == (False, 1, 3, size)
    assert blobs(works) == before
    assert len(list_images(later)) == 2


def test_what_goes_takes_its_own_blobs_and_leaves_shared_ones(
    later: Workspace, works: ImageWorks, build: Build
) -> None:
    one, two = build("one"), build("two")
    own = _own(works, one)
    plan = prune(later, works.layout, ALL_BUT_ONE)
    assert (plan.done, plan.blobs) == (True, 3)
    assert list_images(later) == [two]
    assert not own & blobs(works)
    works.layout.verify(two.digest)
    assert [entry.digest for entry in works.layout.index().manifests] == [two.digest]
    assert preview(later, works.layout, ALL_BUT_ONE).items == []


def test_a_number_is_never_given_again(later: Workspace, works: ImageWorks, build: Build) -> None:
    one, two = build("one"), build("two")
    prune(later, works.layout, PruneOrder(keep=0))
    assert list_images(later) == [two]  # latest holds it
    assert build("three").tags == ["3", "latest"]
    assert build("one").tags == ["4", "latest"]
    last = [move for move in get_history(later, "cancer") if move.tag == "1"][-1]
    assert (last.digest, last.before) == (None, one.digest)


def test_a_revision_and_a_tag_hold_an_image(later: Workspace, works: ImageWorks, build: Build) -> None:
    deployed, tagged, _ = build("deployed"), build("tagged"), build("latest")
    put_endpoint(later, "cancer", EndpointDocument())
    document = DeploymentDocument(environment=EnvironmentDocument(image="cancer:1"))
    put_deployment(later, "cancer", "blue", document)
    tag_image(later, "cancer:2", "stable")
    assert prune(later, works.layout, PruneOrder(keep=0)).items == []
    works.layout.verify(deployed.digest)
    works.layout.verify(tagged.digest)


def test_what_is_attached_stays_with_its_image_and_goes_with_it(
    workspace: Workspace, later: Workspace, works: ImageWorks, build: Build
) -> None:
    one, two = build("one"), build("two")
    gone = attach(workspace, works, "cancer", one.digest, "application/x", b"of one")
    stays = attach(workspace, works, "cancer", two.digest, "application/x", b"of two")
    plan = prune(later, works.layout, ALL_BUT_ONE)
    assert {item.digest for item in plan.items} == {one.digest, gone}
    assert (plan.kept, plan.kept_images) == (2, 1)
    assert [one.digest for one in referrers(later, "cancer", two.digest)] == [stays]
    assert referrers(later, "cancer", one.digest) == []
    works.layout.verify(stays)


def test_what_came_within_a_day_stays(workspace: Workspace, works: ImageWorks, build: Build) -> None:
    build("one"), build("two")
    assert prune(workspace, works.layout, ALL_BUT_ONE).items == []
    plan = prune(workspace, works.layout, PruneOrder(keep=1, older_than_days=0))
    assert ([item.reference for item in plan.items], plan.blobs) == (["cancer:1"], 0)


def test_blobs_that_nothing_refers_to_go_once_they_are_a_day_old(
    workspace: Workspace, later: Workspace, works: ImageWorks
) -> None:
    digest, _ = works.layout.write([b"left by a push that broke off"])
    assert prune(workspace, works.layout, PruneOrder()).blobs == 0
    assert prune(later, works.layout, PruneOrder()).blobs == 1
    with pytest.raises(NotFound):
        works.layout.path(digest)


def test_nothing_goes_while_a_manifest_cannot_be_read(later: Workspace, works: ImageWorks, build: Build) -> None:
    one, two = build("one"), build("two")
    works.layout.path(two.digest).write_bytes(b"{")
    for act in (preview, prune):
        with pytest.raises(Unavailable, match=two.digest):
            act(later, works.layout, ALL_BUT_ONE)
    works.layout.verify(one.digest)
    assert resolve_image(later, "cancer:1").digest == one.digest


def _own(works: ImageWorks, image: Image) -> set[str]:
    """Return the blobs that only this image has."""
    manifest = works.layout.manifest(image.digest)
    return {image.digest, manifest.config.digest, manifest.layers[1].digest}

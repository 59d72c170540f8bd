import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from registry.core.imaging.images import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, Manifest
from registry.core.integrity import FaultKind
from registry.operations.imaging.catalog import record_image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.referrers import attach
from registry.operations.upkeep.integrity import YOUNG_MS, verify
from registry.operations.workspace import Workspace
from tests.registry.operations.imaging.test_catalog import CONFIG


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """A workspace two days from now, so that nothing is young."""
    days_on = time.time_ns() // 1_000_000 + 2 * YOUNG_MS
    return replace(workspace, now_ms=lambda: days_on)


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    return open_image_works(tmp_path / "images")


@pytest.fixture
def manifest(workspace: Workspace, works: ImageWorks) -> Manifest:
    """The manifest of cancer:1, which has something attached."""
    config, layer = (
        Descriptor(media_type=kind, digest=digest, size=size)
        for kind, (digest, size) in (
            (CONFIG_TYPE, works.layout.write([b"c"])),
            (LAYER_TYPE, works.layout.write([b"l"])),
        )
    )
    manifest = Manifest(schema_version=2, media_type=MANIFEST_TYPE, config=config, layers=[layer])
    digest, _ = works.layout.write([msgspec.json.encode(manifest)])
    record_image(workspace, name="cancer", digest=digest, config=CONFIG, layers=[layer], size_bytes=1)
    attach(workspace, works, "cancer", digest, "application/x", b"signed")
    return manifest


def faults(workspace: Workspace, works: ImageWorks) -> list[tuple[FaultKind, str]]:
    return [(fault.kind, fault.blob) for fault in verify(workspace, works.layout).faults]


def flip(works: ImageWorks, digest: str) -> None:
    path = works.layout.path(digest)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_images_and_what_is_attached_to_them_are_whole(
    workspace: Workspace, works: ImageWorks, manifest: Manifest
) -> None:
    assert faults(workspace, works) == []


def test_one_flipped_byte_in_any_blob_is_found(workspace: Workspace, works: ImageWorks, manifest: Manifest) -> None:
    for blob in list(works.layout.entries()):
        flip(works, blob.digest)
        assert (FaultKind.DAMAGED, blob.digest) in faults(workspace, works)
        flip(works, blob.digest)
    assert faults(workspace, works) == []


def test_a_missing_layer_names_the_image_that_needs_it(
    workspace: Workspace, works: ImageWorks, manifest: Manifest
) -> None:
    works.layout.remove(manifest.layers[0].digest)
    (fault,) = verify(workspace, works.layout).faults
    assert (fault.kind, fault.blob) == (FaultKind.MISSING, manifest.layers[0].digest)
    assert fault.where[0].startswith("image cancer@sha256:")


def test_a_manifest_that_cannot_be_read_is_damaged_or_missing(
    workspace: Workspace, works: ImageWorks, manifest: Manifest
) -> None:
    digest, _ = works.layout.write([msgspec.json.encode(manifest)])
    works.layout.path(digest).write_bytes(b"{")
    assert faults(workspace, works) == [(FaultKind.DAMAGED, digest)]
    works.layout.remove(digest)
    assert faults(workspace, works) == [(FaultKind.MISSING, digest)]


def test_a_blob_of_the_layout_that_nothing_needs_is_an_orphan(workspace: Workspace, works: ImageWorks) -> None:
    digest, _ = works.layout.write([b"nobody's"])
    assert faults(workspace, works) == [(FaultKind.ORPHAN, digest)]
    today = time.time_ns() // 1_000_000
    assert faults(replace(workspace, now_ms=lambda: today), works) == []

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.images import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, Manifest
from registry.images.keeping.layout import ImageLayout


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "images")


def stored_image(layout: ImageLayout, layer: bytes = b"layer") -> str:
    config, config_size = layout.write([b"{}"])
    blob, size = layout.write([layer])
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        config=Descriptor(media_type=CONFIG_TYPE, digest=config, size=config_size),
        layers=[Descriptor(media_type=LAYER_TYPE, digest=blob, size=size)],
    )
    return layout.write([msgspec.json.encode(manifest)])[0]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_folder_says_that_it_is_an_oci_layout(layout: ImageLayout, tmp_path: Path) -> None:
    assert (tmp_path / "images/oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'


def test_a_blob_lies_under_its_digest(layout: ImageLayout, tmp_path: Path) -> None:
    digest, size = layout.write([b"ab", b"c"])

    assert (digest, size) == (digest_of(b"abc"), 3)
    assert (tmp_path / "images/blobs/sha256" / digest.removeprefix("sha256:")).read_bytes() == b"abc"


def test_bytes_that_differ_from_their_digest_are_not_stored(layout: ImageLayout, tmp_path: Path) -> None:
    before = files_below(tmp_path)

    with pytest.raises(InvalidInput, match="not sha256:0000"):
        layout.write([b"abc"], expected="sha256:" + "0" * 64)
    assert files_below(tmp_path) == before


def test_a_write_that_breaks_off_leaves_nothing(layout: ImageLayout, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("gone")

    before = files_below(tmp_path)
    with pytest.raises(OSError, match="gone"):
        layout.write(broken())
    assert files_below(tmp_path) == before


def test_blobs_of_one_stage_come_together_or_not_at_all(layout: ImageLayout, tmp_path: Path) -> None:
    before = files_below(tmp_path)
    with pytest.raises(OSError, match="gone"), layout.stage() as stage:
        stage.write([b"first"])
        raise OSError("gone")
    assert files_below(tmp_path) == before

    with layout.stage() as stage:
        written = {stage.write([content])[0] for content in (b"first", b"second")}
        assert files_below(tmp_path / "images/blobs") == set()
    assert files_below(tmp_path / "images/blobs/sha256") == {digest.removeprefix("sha256:") for digest in written}


def test_what_a_killed_build_left_goes_and_what_is_at_work_stays(layout: ImageLayout, tmp_path: Path) -> None:
    left = tmp_path / "images/incoming/left"
    left.mkdir()
    (left / "half").write_bytes(b"x")

    with layout.stage() as stage:
        digest, _ = stage.write([b"at work"])
        ImageLayout(tmp_path / "images")
        assert not left.exists()
    assert layout.path(digest).read_bytes() == b"at work"


def test_a_blob_that_a_build_relies_on_meanwhile_is_not_left_over(layout: ImageLayout) -> None:
    digests = [layout.write([content])[0] for content in (b"one", b"two")]
    for digest in digests:
        os.utime(layout.path(digest), (1, 1))
    found = {blob.digest: blob for blob in layout.entries()}
    layout.refresh(digests[0])

    assert [layout.remove_left_over(found[digest]) for digest in digests] == [False, True]
    assert {blob.digest for blob in layout.entries()} == {digests[0]}
    assert layout.remove_left_over(found[digests[1]])  # gone is gone
    with pytest.raises(NotFound):
        layout.refresh(digests[1])


def test_a_missing_blob_is_not_found(layout: ImageLayout) -> None:
    with pytest.raises(NotFound):
        layout.path("sha256:" + "0" * 64)


def test_a_digest_that_is_none_is_refused(layout: ImageLayout) -> None:
    with pytest.raises(InvalidInput):
        layout.path("sha256:../../../etc/passwd")


def test_a_layer_is_no_manifest(layout: ImageLayout) -> None:
    digest, _ = layout.write([b"not json"])

    with pytest.raises(NotFound, match="not an image manifest"):
        layout.manifest(digest)


def test_one_flipped_byte_is_found_and_the_blob_named(layout: ImageLayout) -> None:
    image = stored_image(layout)
    layout.verify(image)
    layer = layout.manifest(image).layers[0].digest
    path = layout.path(layer)
    path.write_bytes(b"lbyer")

    with pytest.raises(InvalidInput, match=layer):
        layout.verify(image)


def test_tags_move_and_the_index_is_sorted(layout: ImageLayout) -> None:
    first, second = stored_image(layout, b"1"), stored_image(layout, b"2")

    layout.tag("cancer:2", second)
    layout.tag("cancer:1", second)
    layout.tag("cancer:1", first)

    names = [
        (entry.annotations["org.opencontainers.image.ref.name"], entry.digest) for entry in layout.index().manifests
    ]
    assert names == [("cancer:1", first), ("cancer:2", second)]

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from registry.core.imaging.images import CONFIG_TYPE, IMAGE_LABEL, LAYER_TYPE, LOCK_PATH, Descriptor
from registry.core.imaging.manifests import PushedManifest
from registry.core.imaging.pushes import RefusedImage
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes, tar_chunks
from registry.images.pushed import accept
from registry.images.pushed.accept import check_layers, find_description
from tests.registry.core.hostile_tars import chain, padded, quadratic

LOCK = b"".join(tar_chunks([entry_of_bytes(LOCK_PATH, b"")]))
CONFIG = {
    "schema": 1,
    "kind": "scoring",
    "runtime": "onnx",
    "python": "3.11",
    "environment": f"sha256:{'e' * 64}",
    "models": [{"name": "cancer", "version": 1, "path": "var/azureml-app/azureml-models/cancer/1"}],
}


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "images")


Make = Callable[..., PushedManifest]


@pytest.fixture
def make(layout: ImageLayout) -> Make:
    """Return a function that makes a manifest of layers, with the lock's first."""

    def make(*layers: bytes, config: object = None, media_type: str = LAYER_TYPE) -> PushedManifest:
        document = msgspec.json.encode(config if config is not None else oci_config(CONFIG))
        return PushedManifest(
            schema_version=2,
            config=_descriptor(layout, document, CONFIG_TYPE),
            layers=[_descriptor(layout, layer, media_type) for layer in (LOCK, *layers)],
        )

    return make


def _descriptor(layout: ImageLayout, content: bytes, media_type: str) -> Descriptor:
    digest, size = layout.write([content])
    return Descriptor(media_type=media_type, digest=digest, size=size)


def oci_config(description: object) -> object:
    return {"config": {"Labels": {IMAGE_LABEL: msgspec.json.encode(description).decode()}}}


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", link: str = "") -> bytes:
    """Return a tar's member, without the end of a tar."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content), link
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def test_an_image_of_ours_says_what_it_is(layout: ImageLayout, make: Make) -> None:
    manifest = make(member("opt/x", content=b"x"), member("var/l", tarfile.SYMTYPE, link="../opt"))
    config = find_description(layout, manifest)
    assert config is not None
    assert config.models[0].name == "cancer"
    check_layers(layout, manifest)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"config": None},
        {"config": {}},
        {"config": {"Labels": None}},
        {"config": {"Labels": {"other": "x"}}},
        [],
        "text",
        {"config": {"Labels": {IMAGE_LABEL: 1}}},
    ],
)
def test_anything_else_is_none_of_ours(layout: ImageLayout, make: Make, config: object) -> None:
    assert find_description(layout, make(config=config)) is None


@pytest.mark.parametrize(
    "description",
    [
        {},
        CONFIG | {"kind": "of the future"},
        CONFIG | {"models": [{"name": "cancer", "version": 1, "path": "../../etc"}]},
        CONFIG | {"runtime": "script", "scoring_script": "/etc/passwd"},
    ],
)
def test_a_description_that_cannot_be_used_is_refused(layout: ImageLayout, make: Make, description: object) -> None:
    with pytest.raises(RefusedImage, match=r"dev\.slipway\.image"):
        find_description(layout, make(config=oci_config(description)))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (member("../../escaped", content=b"x"), "climbs"),
        (member("/tmp/escaped", content=b"x"), "absolute"),
        (member("link", tarfile.SYMTYPE, link="/etc/passwd"), "'link' is a link to '/etc/passwd', which may lead out"),
        (member("a/link", tarfile.SYMTYPE, link="../../x"), "may lead out of the image"),
        (member("a", tarfile.LNKTYPE, link="b"), "neither a file nor a folder"),
        (member("device", tarfile.CHRTYPE), "'device' is neither a file nor a folder"),
        (member("pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member(LOCK_PATH, content=b"other"), "is there twice"),
        (member(f"{LOCK_PATH}/x"), "lies below 'opt/slipway/requirements.lock', which is a file"),
        (member("opt"), "'opt' is there twice"),
        (member("d", tarfile.SYMTYPE, link="opt") + member("d/x"), "lies below 'd', which is a link"),
        (member("opt/slipway", tarfile.SYMTYPE, link="x"), "is there twice"),
        (member("big", content=b"x" * 5000)[:2048], "unexpected end of data"),
        (chain(b"x", padded(b"6 a=b\n")), "bytes of headers"),
        (chain(b"L", padded(b"abc")), "bytes of headers"),
        (quadratic(35_000), "bytes of headers"),
        (b"PK no tar" * 100, "is refused"),
        (b"", "is refused"),
    ],
)
def test_a_layer_that_no_node_would_unpack_is_refused(
    layout: ImageLayout, make: Make, layer: bytes, reason: str
) -> None:
    manifest = make(layer)
    with pytest.raises(RefusedImage, match=reason) as refused:
        check_layers(layout, manifest)
    assert (manifest.layers or [])[1].digest in refused.value.message


def test_a_compressed_layer_is_refused_with_the_way_out(layout: ImageLayout, make: Make) -> None:
    with pytest.raises(RefusedImage, match="skopeo copy --preserve-digests"):
        check_layers(layout, make(media_type=f"{LAYER_TYPE}+gzip"))


def test_a_bomb_is_refused_by_its_first_bytes(layout: ImageLayout, make: Make) -> None:
    bomb = io.BytesIO()
    with tarfile.open(fileobj=bomb, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    with pytest.raises(RefusedImage, match="is refused"):
        check_layers(layout, make(bomb.getvalue()))


@pytest.mark.parametrize(
    ("lock", "reason"),
    [
        (member(LOCK_PATH, content=b"a==1\n" * (1 << 20)), "has 5,242,880 bytes: 4,194,304 are the most"),
        (member(LOCK_PATH, content=b"\xff\xfe"), "is not UTF-8"),
        (member(LOCK_PATH, tarfile.SYMTYPE, link="x"), "is no file"),
        (member(LOCK_PATH, tarfile.DIRTYPE), "is no file"),
    ],
)
def test_a_lock_that_cannot_be_read_is_refused(layout: ImageLayout, make: Make, lock: bytes, reason: str) -> None:
    manifest = msgspec.structs.replace(make(), layers=[_descriptor(layout, lock, LAYER_TYPE)])
    with pytest.raises(RefusedImage, match=reason):
        check_layers(layout, manifest)


def test_an_image_without_a_lock_is_refused(layout: ImageLayout, make: Make) -> None:
    manifest = make(b"")
    with pytest.raises(RefusedImage, match=r"has no opt/slipway/requirements\.lock"):
        check_layers(layout, msgspec.structs.replace(manifest, layers=[]))


def test_headers_of_a_gigabyte_are_not_read(layout: ImageLayout, make: Make) -> None:
    info = tarfile.TarInfo("x")
    info.size, info.type = 1 << 30, tarfile.XHDTYPE
    with pytest.raises(RefusedImage, match="bytes of headers"):
        check_layers(layout, make(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))


def test_layers_and_files_are_counted(layout: ImageLayout, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "MAX_LAYERS", 2)
    with pytest.raises(RefusedImage, match="has 3 layers: 2 are the most"):
        check_layers(layout, make(member("a"), member("b")))
    monkeypatch.setattr(accept, "MAX_MEMBERS", 10)
    with pytest.raises(RefusedImage, match="more than 10 files and folders"):
        check_layers(layout, make(b"".join(member("d", tarfile.DIRTYPE) for _ in range(11))))

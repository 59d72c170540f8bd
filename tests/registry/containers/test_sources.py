"""One image, in every place that an image may be: what is read is the same."""

import contextlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.containers.opening import open_source, reach_from
from registry.containers.sources import Source
from registry.core.errors import InvalidInput, NotFound, Unavailable
from registry.core.imaging.container_locations import RegistryLocation, parse_location
from tests.registry.containers.bases import DEBIAN_LIKE, as_docker_archive, as_oci_archive, write_layout
from tests.registry.containers.plain_registry import PlainRegistry

NOWHERE = RegistryLocation("http://127.0.0.1:1", "127.0.0.1:1", "none", "latest")


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return write_layout(tmp_path / "base", DEBIAN_LIKE, {"etc/motd": "hello"})


@pytest.fixture
def plain_registry() -> Iterator[PlainRegistry]:
    with contextlib.closing(PlainRegistry()) as registry:
        yield registry


def opened(text: str, tmp_path: Path) -> Source:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return open_source(parse_location(text), "amd64", scratch, reach_from(NOWHERE, {}))


@pytest.mark.parametrize("place", ["oci", "oci-archive", "docker-archive", "registry"])
def test_an_image_is_the_same_wherever_it_lies(
    place: str, layout: Path, tmp_path: Path, plain_registry: PlainRegistry
) -> None:
    plain_registry.take("base", "1", layout)
    text = {
        "oci": f"oci:{layout}:base",
        "oci-archive": f"oci-archive:{as_oci_archive(layout, tmp_path / 'oci.tar')}",
        "docker-archive": f"docker-archive:{as_docker_archive(layout, tmp_path / 'docker.tar')}",
        "registry": f"registry:{plain_registry.host}/base:1",
    }[place]
    with (
        contextlib.closing(opened(f"oci:{layout}", tmp_path)) as first,
        contextlib.closing(opened(text, tmp_path)) as other,
    ):
        wanted, found = first.image(), other.image()
        assert (found.config, found.layers) == (wanted.config, wanted.layers)
        for layer in wanted.layers:
            with first.open(layer) as a, other.open(layer) as b:
                assert a.read() == b.read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oci:{base}:other", r"has no tag 'other' \(it has: base\)"),
        ("oci:{base}/blobs", "has no index.json"),
        ("oci:{base}/nope", "^cannot read .*/nope: there is no such folder$"),
        ("oci-archive:{base}/index.json", "cannot read .*/index.json as an archive"),
        ("docker-archive:{base}/none.tar", "No such file"),
    ],
)
def test_an_image_that_is_not_there_is_refused(text: str, message: str, layout: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        opened(text.format(base=layout), tmp_path).image()


def test_a_layout_of_several_images_wants_a_tag(layout: Path, tmp_path: Path) -> None:
    index = json.loads((layout / "index.json").read_text())
    second = {**index["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": "slim"}}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [*index["manifests"], second]}))
    with pytest.raises(InvalidInput, match="several images: add :TAG, one of base, slim"):
        opened(f"oci:{layout}", tmp_path).image()


def test_an_image_for_other_processors_says_for_which(layout: Path, tmp_path: Path) -> None:
    index = json.loads((layout / "index.json").read_text())
    entry = {**index["manifests"][0], "platform": {"os": "linux", "architecture": "arm64"}}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    with pytest.raises(InvalidInput, match=r"is not for linux/amd64: it has linux/arm64"):
        opened(f"oci:{layout}", tmp_path).image()


def test_layers_that_docker_kept_once_are_found_through_their_link(layout: Path, tmp_path: Path) -> None:
    archive = as_docker_archive(layout, tmp_path / "docker.tar")
    with tarfile.open(archive) as tar:
        names = {member.name: (tar.extractfile(member) or pytest.fail()).read() for member in tar}
    linked = tmp_path / "linked.tar"
    with tarfile.open(linked, "w") as tar:
        for name in ("0/layer.tar", "config.json", "manifest.json", "1/layer.tar"):
            info = tarfile.TarInfo(name if name != "1/layer.tar" else "2/layer.tar")
            info.size = len(names[name])
            (tmp_path / "member").write_bytes(names[name])
            with (tmp_path / "member").open("rb") as content:
                tar.addfile(info, content)
        link = tarfile.TarInfo("1/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../2/layer.tar"
        tar.addfile(link)
    assert (
        opened(f"docker-archive:{linked}", tmp_path).image().layers == opened(f"oci:{layout}", tmp_path).image().layers
    )


def test_a_changed_byte_of_a_remote_layer_is_noticed(
    layout: Path, tmp_path: Path, plain_registry: PlainRegistry
) -> None:
    plain_registry.take("base", "1", layout)
    source = opened(f"registry:{plain_registry.host}/base:1", tmp_path)
    layer = source.image().layers[0]
    content = plain_registry.blobs[layer.digest]
    plain_registry.blobs[layer.digest] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(InvalidInput, match="arrived damaged"):
        source.open(layer)


def test_an_answer_is_the_registrys(tmp_path: Path, plain_registry: PlainRegistry) -> None:
    with pytest.raises(NotFound, match="has no none/manifests/1"):
        opened(f"registry:{plain_registry.host}/none:1", tmp_path).image()
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 does not answer"):
        opened("registry:127.0.0.1:1/none", tmp_path).image()

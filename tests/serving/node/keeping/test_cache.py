import io
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from registry.core.errors import InvalidInput
from registry.core.imaging.images import MANIFEST_TYPE, Descriptor, ImageConfig, Manifest
from registry.images.build import BuiltImage
from registry.images.keeping.layout import ImageLayout
from serving.node.errors import ImageRefused, PullFailed
from serving.node.prepare import resolve_reference
from tests.registry.core.hostile_tars import chain, padded, quadratic
from tests.serving.node.present import PULL_PROGRAM, present


class Registry(Protocol):
    url: str
    layout: ImageLayout
    asked: list[str]
    stalled: set[str]
    half_sent: threading.Event


class ImageMaker(Protocol):
    def __call__(self, main: str = "", lock: bytes = b"", script: str | None = None) -> BuiltImage: ...


def pulling_process(node: Path, registry: Registry, digest: str) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", PULL_PROGRAM, str(node), registry.url, digest]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def image_with_layer(layout: ImageLayout, image: BuiltImage, layer: bytes) -> tuple[str, str]:
    """The same image with one more layer; returns its digest and the layer's."""
    blob, size = layout.write([layer])
    descriptor = Descriptor(media_type="application/vnd.oci.image.layer.v1.tar", digest=blob, size=size)
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        config=image.manifest.config,
        layers=[*image.manifest.layers, descriptor],
    )
    return layout.write([msgspec.json.encode(manifest)])[0], blob


def tar_of(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", link: str = "/etc/passwd") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, len(content), link
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def linked_folder() -> bytes:
    """Return a layer with a link to a folder, and a file below the link."""
    return tar_of("var/lib", tarfile.SYMTYPE, link="../opt")[:512] + tar_of("var/lib/x")


def test_an_image_is_unpacked_with_its_description(tmp_path: Path, registry: Registry, make_image: ImageMaker) -> None:
    built = make_image("print(1)", b"lock")
    image = present(tmp_path / "node", registry.url, built.digest)

    assert image == tmp_path / "node/images" / built.digest.removeprefix("sha256:") / "root"
    assert files_below(image) == {
        "image.json",
        "opt/slipway/requirements.lock",
        "opt/slipway/scoring/slipway_scoring/__init__.py",
        "opt/slipway/scoring/slipway_scoring/__main__.py",
        "var/azureml-app/azureml-models/cancer/1/model.onnx",
    }
    assert (image / built.config.models[0].path / "model.onnx").is_file()
    assert msgspec.json.decode((image / "image.json").read_bytes(), type=ImageConfig) == built.config
    assert (image / "opt/slipway/requirements.lock").read_bytes() == b"lock"


def test_a_model_s_folder_is_no_link_so_that_any_code_may_load_from_it(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image()
    image = present(tmp_path / "node", registry.url, built.digest)
    folder = image / built.config.models[0].path
    assert folder.resolve() == folder
    assert (image / "opt/slipway/models/0/model.onnx").samefile(folder / "model.onnx")

    (image / "opt/slipway/models/0").unlink()  # changed, so it is pulled again
    registry.asked.clear()
    assert (present(tmp_path / "node", registry.url, built.digest) / "opt/slipway/models/0/model.onnx").is_file()
    assert registry.asked != []


def test_a_model_s_folder_with_links_in_it_stays_where_they_lead_right(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image(lock=b"lock")
    inner = tar_of("opt/slipway/models/0/lock", tarfile.SYMTYPE, link="../../requirements.lock")
    digest, _ = image_with_layer(registry.layout, built, inner)
    folder = present(tmp_path / "node", registry.url, digest) / built.config.models[0].path
    assert folder.is_symlink()
    assert (folder / "lock").read_bytes() == b"lock"


def test_a_link_that_stays_inside_the_image_is_kept(tmp_path: Path, registry: Registry, make_image: ImageMaker) -> None:
    link = tar_of("var/current", tarfile.SYMTYPE, link="../opt/slipway")
    digest, _ = image_with_layer(registry.layout, make_image(lock=b"lock"), link)
    image = present(tmp_path / "node", registry.url, digest)
    assert (image / "var/current/requirements.lock").read_bytes() == b"lock"


def test_a_link_of_one_layer_leads_no_file_of_another_elsewhere(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image()
    link = tar_of("var/lib", tarfile.SYMTYPE, link="../opt")
    linked, _ = image_with_layer(registry.layout, built, link)
    below = replace(built, digest=linked, manifest=registry.layout.manifest(linked))
    digest, blob = image_with_layer(registry.layout, below, tar_of("var/lib/x"))

    with pytest.raises(ImageRefused, match="var/lib exists already") as refusal:
        present(tmp_path / "node", registry.url, digest)
    assert refusal.value.blob == blob


def test_an_image_that_is_here_is_not_pulled_again(tmp_path: Path, registry: Registry, make_image: ImageMaker) -> None:
    digest = make_image().digest
    first = present(tmp_path / "node", registry.url, digest)
    registry.asked.clear()

    assert present(tmp_path / "node", registry.url, digest) == first
    assert registry.asked == []


def test_a_flipped_byte_in_any_blob_is_refused_and_the_blob_named(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image()
    blobs = [built.digest, built.manifest.config.digest, *(layer.digest for layer in built.manifest.layers)]
    for blob in blobs:
        path = registry.layout.path(blob)
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))

        with pytest.raises(ImageRefused, match=blob) as refusal:
            present(tmp_path / "node", registry.url, built.digest)
        assert refusal.value.blob == blob
        assert files_below(tmp_path / "node") <= {"locks/sweep"}
        path.write_bytes(good)

    present(tmp_path / "node", registry.url, built.digest)


def test_a_blob_that_is_longer_than_announced_is_refused(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image()
    layer = registry.layout.path(built.manifest.layers[0].digest)
    layer.write_bytes(layer.read_bytes() + b"x")

    with pytest.raises(ImageRefused, match="its size is not"):
        present(tmp_path / "node", registry.url, built.digest)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (tar_of("../../escaped", content=b"x"), "climbs"),
        (tar_of("/tmp/escaped", content=b"x"), "absolute"),
        (tar_of("link", tarfile.SYMTYPE), "may lead out of the image"),
        (tar_of("opt/slipway/requirements.lock", tarfile.SYMTYPE, link="scoring"), "exists"),
        (linked_folder(), "lies below the link 'var/lib'"),
        (tar_of("hard", tarfile.LNKTYPE), "neither a file nor a folder"),
        (tar_of("device", tarfile.CHRTYPE), "neither a file nor a folder"),
        (tar_of("pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (tar_of("opt/slipway/requirements.lock", content=b"other"), "exists"),
        (tar_of("opt/slipway/requirements.lock/x", content=b"other"), "refused"),
        (tar_of("image.json", content=b"{}"), "its own image.json"),
        (tar_of("big", content=b"x" * 5000)[:2048], "refused"),
        (chain(b"x", padded(b"6 a=b\n")), "bytes of headers"),
        (quadratic(35_000), "bytes of headers"),
        (b"PK no tar" * 100, "refused"),
    ],
)
def test_a_layer_that_leads_elsewhere_is_refused(
    tmp_path: Path, registry: Registry, make_image: ImageMaker, layer: bytes, reason: str
) -> None:
    digest, _ = image_with_layer(registry.layout, make_image(), layer)

    with pytest.raises(ImageRefused, match=reason):
        present(tmp_path / "node", registry.url, digest)
    assert files_below(tmp_path / "node") == {"locks/sweep"}
    assert not (tmp_path / "escaped").exists()


def test_an_image_that_the_registry_does_not_have_is_said_so(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(PullFailed, match="has no cancer@sha256:0000"):
        present(tmp_path / "node", registry.url, "sha256:" + "0" * 64)


def test_a_registry_that_is_away_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match=r"cannot pull .* from the registry at http://127\.0\.0\.1:9"):
        present(tmp_path, "http://127.0.0.1:9", "sha256:" + "0" * 64)


def test_a_digest_that_is_none_never_reaches_the_disk(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(InvalidInput):
        present(tmp_path / "node", registry.url, "sha256:../../x")


def test_a_reference_by_digest_needs_no_registry_and_one_by_tag_asks_it(registry: Registry) -> None:
    digest = f"sha256:{'1' * 64}"

    assert resolve_reference("http://127.0.0.1:9", f"cancer@{digest}") == ("cancer", digest)
    with pytest.raises(PullFailed, match="has no cancer:latest"):
        resolve_reference(registry.url, "cancer")
    assert registry.asked == ["/v2/cancer/manifests/latest"]


def test_two_processes_that_want_one_image_pull_it_once(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image()
    processes = [pulling_process(tmp_path / "node", registry, built.digest) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].splitlines() for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0][-1] == outputs[1][-1]
    assert len(registry.asked) == len(set(registry.asked)) == 2 + len(built.manifest.layers)


def test_a_process_killed_while_it_pulls_leaves_nothing_that_counts(
    tmp_path: Path, registry: Registry, make_image: ImageMaker
) -> None:
    built = make_image()
    last = built.manifest.layers[-1].digest
    registry.stalled.add(last)
    process = pulling_process(tmp_path / "node", registry, built.digest)
    assert registry.half_sent.wait(30)
    process.kill()
    process.communicate()
    left = files_below(tmp_path / "node" / "tmp")
    registry.stalled.clear()

    assert left != set()
    assert not (tmp_path / "node/images").exists()
    image = present(tmp_path / "node", registry.url, built.digest)
    assert (image / "image.json").exists()
    assert files_below(tmp_path / "node" / "tmp") == set()

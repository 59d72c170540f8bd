from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.image_views import Setting
from registry.core.imaging.images import (
    LAYER_ANNOTATION,
    LAYER_TYPE,
    LOCK_PATH,
    Descriptor,
    Image,
    LayerKind,
    ModelInImage,
)
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes, tar_chunks
from registry.operations.imaging.catalog import record_image
from registry.operations.imaging.image_diff import compare
from registry.operations.workspace import Workspace
from tests.registry.operations.imaging.test_catalog import CONFIG

LOCK = "numpy==2.0.0 \\\n    --hash=sha256:00\nscipy==1.1 \\\n    --hash=sha256:11\n"


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "images")


def made(
    workspace: Workspace, layout: ImageLayout, digit: str, version: int, **content: Mapping[str, str | bytes]
) -> Image:
    """An image whose layers, by kind, hold files with a text."""
    layers = []
    for kind, files in content.items():
        digest, size = layout.write(tar_chunks(entry_of_bytes(*_file(*file)) for file in files.items()))
        annotations = {LAYER_ANNOTATION: LayerKind(kind).value}
        layers.append(Descriptor(media_type=LAYER_TYPE, digest=digest, size=size, annotations=annotations))
    models = [ModelInImage(name="cancer", version=version, path="m")]
    config = msgspec.structs.replace(CONFIG, models=models)
    digest = f"sha256:{digit * 64}"
    return record_image(workspace, name="cancer", digest=digest, config=config, layers=layers, size_bytes=1)


def _file(path: str, content: str | bytes) -> tuple[str, bytes]:
    return path, content.encode() if isinstance(content, str) else content


def test_packages_layers_files_and_settings_that_differ_are_told(workspace: Workspace, layout: ImageLayout) -> None:
    code = {"app/score.py": "one", "app/same.py": "same"}
    model = {"m/model.onnx": "weights"}
    a = made(workspace, layout, "a", 1, environment={LOCK_PATH: LOCK}, model=model, code=code)
    lock = LOCK.replace("2.0.0", "2.1.0").replace("scipy==1.1", "pandas==3.0")
    newer = {"app/score.py": "two", "app/same.py": "same", "app/new.py": "new"}
    b = made(workspace, layout, "b", 2, environment={LOCK_PATH: lock}, model=model, code=newer)

    found = compare(workspace, layout, "cancer:1", "cancer:2")

    assert (found.a, found.b) == (a.digest, b.digest)
    assert found.settings == [Setting(name="model cancer", a="1", b="2")]
    assert found.packages == [
        Setting(name="numpy", a="2.0.0", b="2.1.0"),
        Setting(name="pandas", b="3.0"),
        Setting(name="scipy", a="1.1"),
    ]
    assert [layer.kind for layer in found.layers] == ["environment", "code"]
    assert (found.layers[1].a, found.layers[1].b) == (a.layers[2], b.layers[2])
    assert [(file.name, file.a is None) for file in found.layers[1].files] == [
        ("app/new.py", True),
        ("app/score.py", False),
    ]
    assert (found.shared_layers, found.shared_bytes) == (1, a.layers[1].size)


def test_a_layer_that_only_one_has_stands_alone(workspace: Workspace, layout: ImageLayout) -> None:
    made(workspace, layout, "a", 1, model={"m": "x"})
    b = made(workspace, layout, "b", 1, model={"m": "x"}, code={"score.py": "y"})
    (layer,) = compare(workspace, layout, "cancer:1", "cancer:2").layers
    assert (layer.kind, layer.a, layer.b) == ("code", None, b.layers[1])


def test_an_image_does_not_differ_from_itself(workspace: Workspace, layout: ImageLayout) -> None:
    made(workspace, layout, "a", 1, code={"score.py": "y"})
    found = compare(workspace, layout, "cancer:1", "cancer")
    assert (found.settings, found.packages, found.layers, found.shared_layers) == ([], [], [], 1)


@pytest.mark.parametrize(
    ("lock", "reason"), [(b"\xff\xfe", "is not UTF-8"), (b"a==1\n" * (1 << 20), "4,194,304 are the most")]
)
def test_a_lock_that_cannot_be_read_is_told_with_its_layer(
    workspace: Workspace, layout: ImageLayout, lock: bytes, reason: str
) -> None:
    made(workspace, layout, "a", 1, environment={LOCK_PATH: LOCK})
    b = made(workspace, layout, "b", 1, environment={LOCK_PATH: lock})
    with pytest.raises(InvalidInput, match=f"layer {b.layers[0].digest}.*{reason}"):
        compare(workspace, layout, "cancer:1", "cancer:2")


def test_what_is_missing_is_named(workspace: Workspace, layout: ImageLayout) -> None:
    made(workspace, layout, "a", 1, code={"score.py": "y"})
    b = made(workspace, layout, "b", 1, code={"score.py": "z"})
    layout.path(b.layers[0].digest).unlink()
    with pytest.raises(NotFound, match=b.layers[0].digest):
        compare(workspace, layout, "cancer:1", "cancer:2")
    with pytest.raises(NotFound, match="no image"):
        compare(workspace, layout, "cancer:1", "cancer:9")

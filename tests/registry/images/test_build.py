import gzip
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import (
    IMAGE_LABEL,
    LAYER_ANNOTATION,
    MAX_MODELS,
    PATH_ANNOTATION,
    ImageConfig,
    ImageKind,
    LayerKind,
    Runtime,
)
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.keeping.layout import ImageLayout
from registry.images.layers.base import LARGE_BYTES, split_large
from registry.images.layers.stack import stack
from registry.images.lock import check_requirements
from registry.images.pack import Entry, entry_of_bytes
from registry.images.scoring import scoring_package, scoring_requirements

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"
ROOT = Path(__file__).parents[3]
BUILD_PROGRAM = """
import os, sys
from pathlib import Path
from registry.core.imaging.images import Runtime
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes, entry_of_file
folder, user = Path(sys.argv[1]), int(sys.argv[2])
os.umask(0o077 if user else 0o002)
if os.getuid() == 0:
    os.setuid(user)
files = (entry_of_file("model.onnx", folder / "model.onnx"), entry_of_bytes("\u00fc", b"x"), entry_of_bytes("Z", b"z"))
inputs = BuildInputs(
    models=(ModelInput("cancer", 1, None, files if user else files[::-1]),), runtime=Runtime.ONNX,
    lock=b"", python="3.11", architecture="amd64", scoring=(entry_of_bytes("__main__.py", b""),),
)
print(build_image(ImageLayout(folder / "images"), inputs, lambda part, line: None).digest, end="")
"""
SCRIPT = b"def init(): ...\ndef run(data): return data\n"


def inputs(*files: Entry, script: bytes | None = None, version: int = 1) -> BuildInputs:
    return BuildInputs(
        models=(ModelInput("cancer", version, f"run{version}", files or (entry_of_bytes("model.onnx", ONNX),)),),
        runtime=Runtime.ONNX if script is None else Runtime.SCRIPT,
        code=() if script is None else (entry_of_bytes("score.py", script),),
        scoring_script=None if script is None else "score.py",
        lock=b"numpy==2.0.0 --hash=sha256:00\n",
        python="3.11",
        architecture="amd64",
        scoring=(entry_of_bytes("__main__.py", b"print()"),),
    )


def quiet(progress: float, line: str) -> None:
    pass


def names(layout: ImageLayout, digest: str) -> list[str]:
    with tarfile.open(layout.path(digest)) as tar:
        return [member.name for member in tar if not member.isdir()]


def test_an_onnx_image_has_scoring_environment_and_model(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    built = build_image(layout, inputs(), quiet)

    assert [(layer.annotations[LAYER_ANNOTATION], names(layout, layer.digest)) for layer in built.manifest.layers] == [
        ("scoring", ["opt/slipway/scoring/slipway_scoring/__main__.py"]),
        ("environment", ["opt/slipway/requirements.lock"]),
        ("model", ["opt/slipway/models/0/model.onnx"]),
        ("model", ["var/azureml-app/azureml-models/cancer/1"]),
    ]
    assert built.config.runtime is Runtime.ONNX
    assert built.size_bytes == sum(path.stat().st_size for path in (tmp_path / "blobs/sha256").iterdir())


def test_a_script_image_has_the_code_on_top(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    built = build_image(layout, inputs(entry_of_bytes("model.joblib", b"x"), script=SCRIPT), quiet)

    top = built.manifest.layers[-1]
    assert top.annotations == {LAYER_ANNOTATION: "code"}
    assert names(layout, top.digest) == ["var/azureml-app/score.py"]
    assert (built.config.runtime, built.config.scoring_script) == (Runtime.SCRIPT, "score.py")


def test_the_description_is_in_the_configs_label(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    built = build_image(layout, inputs(), quiet)

    document = msgspec.json.decode(layout.path(built.manifest.config.digest).read_bytes())
    assert msgspec.json.decode(document["config"]["Labels"][IMAGE_LABEL], type=ImageConfig) == built.config
    scoring, *others = built.manifest.layers
    inflated = hashlib.sha256(gzip.decompress(layout.path(scoring.digest).read_bytes())).hexdigest()
    assert document["rootfs"]["diff_ids"] == [f"sha256:{inflated}", *(layer.digest for layer in others)]


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user can reach, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_an_image_whose_description_nobody_would_read_is_not_built(tmp_path: Path) -> None:
    docker = ContainerSettings(labels={"notes": "x" * 65_536})
    with pytest.raises(BuildFailed, match="65,536 are the most"):
        build_image(ImageLayout(tmp_path), replace(inputs(), kind=ImageKind.DOCKER, docker=docker), print)
    assert list(ImageLayout(tmp_path).entries()) == []


def test_the_same_inputs_give_the_same_digest_elsewhere_for_anybody_at_any_time(public_folder: Path) -> None:
    digests = set()
    for place, user, settings in (
        ("here", 0, {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "1"}),
        ("over/there", 65534, {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"}),
    ):
        folder = public_folder / place
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        model = folder / "model.onnx"
        model.write_bytes(ONNX)
        model.chmod(0o755 if user else 0o644)
        os.utime(model, (user, user))
        program = [sys.executable, "-c", BUILD_PROGRAM, str(folder), str(user)]
        done = subprocess.run(program, stdout=subprocess.PIPE, text=True, env=settings, cwd=ROOT, check=True)
        digests.add(done.stdout)

    assert len(digests) == 1
    assert digests.pop().startswith("sha256:")


def test_only_the_changed_layer_is_new(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    model = entry_of_bytes("model.joblib", b"x")
    first = build_image(layout, inputs(model, script=SCRIPT), quiet)
    second = build_image(layout, inputs(model, script=SCRIPT + b"# changed\n"), quiet)

    changed = {layer.digest for layer in second.manifest.layers} - {layer.digest for layer in first.manifest.layers}
    assert changed == {second.manifest.layers[-1].digest}


def test_two_versions_share_the_layer_of_a_large_file(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    large = entry_of_bytes("weights.bin", b"w" * LARGE_BYTES)
    first, second = (
        build_image(layout, inputs(large, entry_of_bytes("config.json", config), script=SCRIPT, version=version), quiet)
        for version, config in ((1, b"{}"), (2, b"{ }"))
    )

    (shared,) = (layer for layer in first.manifest.layers if PATH_ANNOTATION in layer.annotations)
    assert shared.annotations == {LAYER_ANNOTATION: "model", PATH_ANNOTATION: "opt/slipway/models/0/weights.bin"}
    assert names(layout, shared.digest) == ["opt/slipway/models/0/weights.bin"]
    changed = [layer for layer in second.manifest.layers if layer not in first.manifest.layers]
    assert [names(layout, layer.digest) for layer in changed] == [
        ["opt/slipway/models/0/config.json"],
        ["var/azureml-app/azureml-models/cancer/2"],
    ]


def test_the_largest_files_have_layers_of_their_own_and_the_rest_share_one(tmp_path: Path) -> None:
    files = [Entry(f"{number}.bin", LARGE_BYTES + number, list) for number in range(6)]
    layers = list(split_large(LayerKind.MODEL, [files[::2], files[1::2]], 4))

    assert [layer.path for layer in layers] == ["2.bin", "3.bin", "4.bin", "5.bin", "", ""]
    assert [[one.path for one in layer.entries if isinstance(one, Entry)] for layer in layers[4:]] == [
        ["0.bin"],
        ["1.bin"],
    ]


def test_an_image_never_has_more_layers_than_others_take(tmp_path: Path) -> None:
    files = tuple(Entry(f"{number}.bin", LARGE_BYTES, list) for number in range(100))
    models = tuple(ModelInput(f"m{number}", 1, None, files) for number in range(MAX_MODELS))
    wheels = tuple(Entry(f"{number}.whl", LARGE_BYTES, list) for number in range(100))
    full = replace(inputs(script=SCRIPT), models=models, wheels=wheels)

    assert len(stack(full)) < 127


def test_a_layer_that_was_packed_before_is_not_read_again(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    content = b"w" * LARGE_BYTES
    reads: list[int] = []

    def read() -> list[bytes]:
        reads.append(1)
        return [content]

    weights = Entry("weights.bin", len(content), read, hashlib.sha256(content).hexdigest())
    first = build_image(layout, inputs(weights, script=SCRIPT), quiet)
    assert build_image(layout, inputs(weights, script=SCRIPT), quiet).digest == first.digest
    assert len(reads) == 1

    layer = next(layer for layer in first.manifest.layers if PATH_ANNOTATION in layer.annotations)
    layout.path(layer.digest).unlink()
    assert build_image(layout, inputs(weights, script=SCRIPT), quiet).digest == first.digest
    assert layout.path(layer.digest).exists()


@pytest.mark.parametrize("runtime", Runtime)
def test_an_image_without_a_large_model_is_small(tmp_path: Path, runtime: Runtime) -> None:
    built = build_image(ImageLayout(tmp_path), replace(inputs(), scoring=scoring_package(runtime)), quiet)

    lock = next(layer for layer in built.manifest.layers if "environment" in layer.annotations.values())
    most_bytes = 115_000 if runtime is Runtime.SCRIPT else 100_000  # the bar is an ONNX image's; a script needs more
    assert built.size_bytes - lock.size < most_bytes


def test_progress_grows_to_the_end_with_a_line_per_layer(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    build_image(ImageLayout(tmp_path), inputs(), lambda progress, line: seen.append((progress, line)))

    assert [line.split(":")[0] for _, line in seen] == [
        "layer scoring",
        "layer environment",
        "layer model",
        "layer model",
    ]
    assert [progress for progress, _ in seen] == sorted(progress for progress, _ in seen)


def test_the_scoring_package_is_found_as_data() -> None:
    entries = {entry.path: entry for entry in scoring_package(Runtime.ONNX)}

    assert "__init__.py" in entries
    assert any(line.startswith("numpy") for line in check_requirements(scoring_requirements()))
    assert all(path.endswith(".py") for path in entries)

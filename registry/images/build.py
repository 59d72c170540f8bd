"""The build pipeline: inputs → layers, config, manifest → digest. The same inputs give the same digest."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from registry.core.errors import BuildFailed
from registry.core.images import (
    CODE_PATH,
    CONFIG_TYPE,
    IMAGE_LABEL,
    LAYER_ANNOTATION,
    LAYER_TYPE,
    LOCK_PATH,
    MANIFEST_TYPE,
    MODELS_PATH,
    SCORING_PATH,
    Descriptor,
    ImageConfig,
    ImageKind,
    LayerKind,
    Manifest,
    ModelInImage,
    Runtime,
)
from registry.images.checks import check_onnx, check_script, choose_runtime
from registry.images.layout import ImageLayout
from registry.images.lock import PLATFORMS, check_python
from registry.images.pack import Entry, entry_of_bytes, tar_chunks

SCHEMA = 1  # of ImageConfig
_MODELS_FOLDER = MODELS_PATH.removeprefix(f"{CODE_PATH}/")

Report = Callable[[float, str], None]  # progress from 0.0 to 1.0, and a line for the log


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A model version; its entries' paths are relative to the version's folder."""

    name: str
    version: int
    run_id: str | None
    files: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class BuildInputs:
    """All that an image is made of. ``code`` paths are relative to the code folder, ``scoring`` to the package."""

    model: ModelInput
    code: tuple[Entry, ...]
    scoring_script: str | None
    lock: bytes
    python: str
    architecture: str  # OCI's word: amd64 or arm64
    scoring: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class BuiltImage:
    digest: str
    config: ImageConfig
    manifest: Manifest
    size_bytes: int  # of all blobs


def check_inputs(model: ModelInput, code: Iterable[Entry], scoring_script: str | None, python: str) -> Runtime:
    """Check what can be checked before anything is resolved or packed, and return the image's runtime.

    Raises:
        BuildFailed: the model, the script or the Python version cannot make an image.
    """
    check_python(python)
    files = {entry.path: entry for entry in code}
    runtime = choose_runtime(f"{model.name}:{model.version}", [entry.path for entry in model.files], scoring_script)
    for path in files:
        if path.split("/")[0] == _MODELS_FOLDER:
            raise BuildFailed(f"the code folder holds {path}: {_MODELS_FOLDER}/ is where the model goes", path=path)
    match runtime:
        case Runtime.SCRIPT:
            assert scoring_script is not None
            if scoring_script not in files:
                known = ", ".join(sorted(path for path in files if path.endswith(".py"))[:5]) or "no .py file"
                raise BuildFailed(f"the code folder has no {scoring_script} (it has {known})", path=scoring_script)
            check_script(scoring_script, b"".join(files[scoring_script].read()))
        case Runtime.ONNX:
            file = next(entry for entry in model.files if entry.path.endswith(".onnx"))
            check_onnx(file.path, file.read())
    return runtime


def build_image(layout: ImageLayout, inputs: BuildInputs, report: Report) -> BuiltImage:
    """Write an image's blobs into ``layout`` and return what was built. Untagged.

    Raises:
        BuildFailed: the inputs cannot make an image; no manifest is stored.
    """
    runtime = check_inputs(inputs.model, inputs.code, inputs.scoring_script, inputs.python)
    model_path = f"{MODELS_PATH}/{inputs.model.name}/{inputs.model.version}"
    content = {
        LayerKind.SCORING: _below(f"{SCORING_PATH}/slipway_scoring", inputs.scoring),
        LayerKind.ENVIRONMENT: [entry_of_bytes(LOCK_PATH, inputs.lock)],
        LayerKind.MODEL: _below(model_path, inputs.model.files),
        LayerKind.CODE: _below(CODE_PATH, inputs.code),
    }
    layers = []
    for position, kind in enumerate(LayerKind):
        if not content[kind]:
            continue
        digest, size = layout.write(tar_chunks(content[kind]))
        annotations = {LAYER_ANNOTATION: kind.value}
        layers.append(Descriptor(media_type=LAYER_TYPE, digest=digest, size=size, annotations=annotations))
        report((position + 1) / len(LayerKind), f"layer {kind}: {len(content[kind])} files, {size:,} bytes, {digest}")
    config = ImageConfig(
        schema=SCHEMA,
        kind=ImageKind.SCORING,
        runtime=runtime,
        python=inputs.python,
        environment=f"sha256:{hashlib.sha256(inputs.lock).hexdigest()}",
        models=[
            ModelInImage(
                name=inputs.model.name, version=inputs.model.version, path=model_path, run_id=inputs.model.run_id
            )
        ],
        scoring_script=inputs.scoring_script,
    )
    return _finish(layout, inputs.architecture, config, layers)


def _below(folder: str, entries: Iterable[Entry]) -> list[Entry]:
    return [Entry(f"{folder}/{entry.path}", entry.size, entry.read) for entry in entries]


def _finish(layout: ImageLayout, architecture: str, config: ImageConfig, layers: list[Descriptor]) -> BuiltImage:
    config_digest, config_size = layout.write([_oci_config(architecture, config, layers)])
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        config=Descriptor(media_type=CONFIG_TYPE, digest=config_digest, size=config_size),
        layers=layers,
    )
    digest, size = layout.write([msgspec.json.encode(manifest)])
    total = size + config_size + sum(layer.size for layer in layers)
    return BuiltImage(digest, config, manifest, total)


def _oci_config(architecture: str, config: ImageConfig, layers: list[Descriptor]) -> bytes:
    """Encode the OCI config. Layers are not compressed, so their digests are the diff ids."""
    assert architecture in PLATFORMS
    variables = {
        "AML_APP_ROOT": f"/{CODE_PATH}",
        "AZUREML_MODEL_DIR": f"/{config.models[0].path}",
        "PYTHONPATH": f"/{SCORING_PATH}",
        **({"AZUREML_ENTRY_SCRIPT": config.scoring_script} if config.scoring_script else {}),
    }
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
            "Labels": {IMAGE_LABEL: msgspec.json.encode(config, order="deterministic").decode()},
            "WorkingDir": f"/{CODE_PATH}",
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    return msgspec.json.encode(document, order="deterministic")

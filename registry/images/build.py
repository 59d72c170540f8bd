"""The build pipeline: inputs → layers, config, manifest → digest. The same inputs give the same digest."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from registry.core.counts import count
from registry.core.errors import BuildFailed, InvalidInput
from registry.core.imaging.descriptions import SCHEMA, read_description
from registry.core.imaging.images import (
    CODE_PATH,
    CONFIG_TYPE,
    IMAGE_LABEL,
    MANIFEST_TYPE,
    SCORING_PATH,
    Descriptor,
    ImageConfig,
    Manifest,
    ModelInImage,
)
from registry.images.inputs import BuildInputs
from registry.images.keeping.layout import ImageLayout
from registry.images.keeping.stage import Stage
from registry.images.layers.base import Layer
from registry.images.layers.models import model_path
from registry.images.layers.packed import PackedLayers
from registry.images.layers.stack import stack
from registry.images.lock import PLATFORMS

Report = Callable[[float, str], None]  # progress from 0.0 to 1.0, and a line for the log


@dataclass(frozen=True, slots=True)
class BuiltImage:
    digest: str
    config: ImageConfig
    manifest: Manifest
    size_bytes: int  # of all blobs


TryOut = Callable[[BuiltImage, Sequence[Path]], None]


def build_image(
    layout: ImageLayout, inputs: BuildInputs, report: Report, try_out: TryOut = lambda built, folders: None
) -> BuiltImage:
    """Write an image's blobs into ``layout`` and return what was built. Untagged.

    ``try_out`` may look at the image before it is stored, and refuse it; its blobs lie in the given folders.

    Raises:
        BuildFailed: the inputs cannot make an image, or ``try_out`` refuses it; nothing is stored.
    """
    config = _checked(_describe(inputs))
    packed = PackedLayers(layout)
    with layout.stage() as stage:
        stacked = []
        layers = stack(inputs)
        for position, layer in enumerate(layers, start=1):
            descriptor, diff_id, line = _add(layer, packed, stage)
            stacked.append((descriptor, diff_id))
            report(position / len(layers), line)
        built = _finish(stage, inputs.architecture, config, stacked)
        try_out(built, (stage.folder, layout.blobs))
        return built


def _describe(inputs: BuildInputs) -> ImageConfig:
    return ImageConfig(
        schema=SCHEMA,
        kind=inputs.kind,
        runtime=inputs.runtime,
        python=inputs.python,
        environment=f"sha256:{hashlib.sha256(inputs.lock).hexdigest()}",
        models=[
            ModelInImage(name=model.name, version=model.version, path=model_path(model), run_id=model.run_id)
            for model in inputs.models
        ],
        scoring_script=inputs.scoring_script,
        samples=[one.sample for one in inputs.samples],
        docker=inputs.docker,
        acceleration=inputs.acceleration,
        resources=inputs.resources,
    )


def _checked(config: ImageConfig) -> ImageConfig:
    """Return what nodes will read. Raises BuildFailed if they would refuse it."""
    try:
        return read_description(_label(config))
    except InvalidInput as error:
        raise BuildFailed(f"no node would read what the image says of itself: {error}") from error


def _label(config: ImageConfig) -> str:
    return msgspec.json.encode(config, order="deterministic").decode()


def _add(layer: Layer, packed: PackedLayers, stage: Stage) -> tuple[Descriptor, str, str]:
    known = packed.find(layer)
    digest, size, diff_id = known or packed.pack(layer, stage)
    descriptor = Descriptor(media_type=layer.media_type, digest=digest, size=size, annotations=layer.annotations)
    files, how = count(len(layer.entries), "file"), ", as before" if known else ""
    return descriptor, diff_id, f"layer {layer.title}: {files}, {size:,} bytes, {digest}{how}"


def _container(config: ImageConfig) -> dict[str, Any]:
    variables = {
        "AML_APP_ROOT": f"/{CODE_PATH}",
        "AZUREML_MODEL_DIR": f"/{config.model_dir}",
        "PYTHONPATH": f"/{SCORING_PATH}",
        **config.resources.threads(),
        **({"AZUREML_ENTRY_SCRIPT": config.scoring_script} if config.scoring_script else {}),
    }
    return {
        "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
        "Labels": {IMAGE_LABEL: _label(config)},
        "WorkingDir": f"/{CODE_PATH}",
    }


def _finish(stage: Stage, architecture: str, config: ImageConfig, stacked: list[tuple[Descriptor, str]]) -> BuiltImage:
    assert architecture in PLATFORMS
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": _container(config),
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in stacked]},
    }
    config_digest, config_size = stage.write([msgspec.json.encode(document, order="deterministic")])
    layers = [descriptor for descriptor, _ in stacked]
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        config=Descriptor(media_type=CONFIG_TYPE, digest=config_digest, size=config_size),
        layers=layers,
    )
    digest, size = stage.write([msgspec.json.encode(manifest)])
    return BuiltImage(digest, config, manifest, size + config_size + sum(layer.size for layer in layers))

"""A quantised ONNX model, and the execution providers that may run it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from registry.core.acceleration import Acceleration, AccelerationRequest
from registry.core.errors import BuildFailed
from registry.core.images import ImageKind, Runtime
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.pack import Entry, entry_of_file
from registry.images.quantise import Quantiser


@dataclass(frozen=True)
class Calibration:
    """The rows that a model is calibrated with, and compared on: a file, and the digest of its bytes."""

    file: Path
    digest: str


@dataclass(frozen=True)
class AcceleratedKind:
    """``work`` is an empty folder for as long as the image is built."""

    request: AccelerationRequest
    calibration: Calibration
    quantiser: Quantiser
    work: Path
    report: Callable[[str], None]

    def prepare(self, inputs: BuildInputs) -> BuildInputs:
        if inputs.runtime is not Runtime.ONNX:
            raise BuildFailed(
                "an accelerated image is an ONNX model that onnxruntime serves by itself: register the model with one "
                ".onnx file, and leave out code_configuration"
            )
        (model,) = inputs.models
        folder = self.work / "model"
        for entry in model.files:
            _write(entry, folder / entry.path)
        original = next(entry for entry in model.files if entry.path.endswith(".onnx"))
        request = self.request
        file, result = self.quantiser.quantise(
            folder / original.path,
            self.calibration.file,
            request.label,
            request.max_accuracy_drop,
            self.work,
            self.report,
        )
        acceleration = Acceleration(
            original=f"sha256:{_sha256(folder / original.path)}",
            calibration=self.calibration.digest,
            label=request.label,
            max_accuracy_drop=request.max_accuracy_drop,
            quantised=result,
            providers=request.providers,
            require=request.require,
        )
        quantised = replace(entry_of_file(original.path, file), sha256=_sha256(file))
        models = (_with_file(model, quantised, result.external),)
        return replace(inputs, kind=ImageKind.ACCELERATED, models=models, acceleration=acceleration)


def _with_file(model: ModelInput, file: Entry, external: list[str]) -> ModelInput:
    """Put a file in the place of the one of its path, and leave out those that only held the first one's weights."""
    parent = Path(file.path).parent
    left_out = {file.path, *((parent / name).as_posix() for name in external)}
    return replace(model, files=(*(entry for entry in model.files if entry.path not in left_out), file))


def _write(entry: Entry, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for chunk in entry.read():
            out.write(chunk)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""A quantised ONNX model, and the execution providers that may run it.

Quantising takes seconds, so what became of a model is noted: built again, its layer is found by the digest of the file
without making the file. Where the layer is gone the file is made again.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from registry.core.errors import BuildFailed
from registry.core.imaging.acceleration import Acceleration, AccelerationRequest, Quantised
from registry.core.imaging.images import ImageKind, Runtime
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.pack import Entry, read_chunks
from registry.images.quantise import REQUIREMENTS, Quantiser


@dataclass(frozen=True)
class Calibration:
    """The rows that a model is calibrated with, and compared on: a file, and the digest of its bytes."""

    file: Path
    digest: str


class _Made(msgspec.Struct, frozen=True):
    """What became of a model."""

    sha256: str
    size: int
    result: Quantised


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
        original = next(entry for entry in model.files if entry.path.endswith(".onnx"))
        note = self._note(model)
        made = self._recall(note) or self._quantise(model, original, note)

        def read() -> Iterator[bytes]:
            if not self._file.exists() and self._quantise(model, original, note).sha256 != made.sha256:
                raise BuildFailed("the model was quantised to other bytes than before: build the image again")
            return read_chunks(self._file)

        quantised = Entry(original.path, made.size, read, made.sha256)
        acceleration = Acceleration(
            original=f"sha256:{_sha256(original)}",
            calibration=self.calibration.digest,
            label=self.request.label,
            max_accuracy_drop=self.request.max_accuracy_drop,
            quantised=made.result,
            providers=self.request.providers,
            require=self.request.require,
        )
        models = (_with_file(model, quantised, made.result.external),)
        return replace(inputs, kind=ImageKind.ACCELERATED, models=models, acceleration=acceleration)

    @property
    def _file(self) -> Path:
        return self.work / "quantised.onnx"

    def _note(self, model: ModelInput) -> Path:
        files = sorted((entry.path, _sha256(entry)) for entry in model.files)
        question = [REQUIREMENTS, files, self.calibration.digest, self.calibration.file.suffix, self.request.label]
        return self.quantiser.notes / f"{hashlib.sha256(msgspec.json.encode(question)).hexdigest()}.json"

    def _recall(self, note: Path) -> _Made | None:
        if not note.exists():
            return None
        made = msgspec.json.decode(note.read_bytes(), type=_Made)
        result = made.result
        if result.drop > self.request.max_accuracy_drop:
            return None  # whoever quantises says so, with all figures
        self.report(
            f"quantised before: {result.measure} {result.before:.4f} before, {result.after:.4f} after, "
            f"a drop of {result.drop:.4f}"
        )
        return made

    def _quantise(self, model: ModelInput, original: Entry, note: Path) -> _Made:
        folder = self.work / "model"
        for entry in model.files:
            _write(entry, folder / entry.path)
        request, rows = self.request, self.calibration.file
        result = self.quantiser.quantise(
            folder / original.path, self._file, rows, request.label, request.max_accuracy_drop, self.work, self.report
        )
        with self._file.open("rb") as stream:
            made = _Made(hashlib.file_digest(stream, "sha256").hexdigest(), self._file.stat().st_size, result)
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=note.parent, prefix="new-", delete=False) as new:
            new.write(msgspec.json.encode(made))
        Path(new.name).rename(note)
        return made


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


def _sha256(entry: Entry) -> str:
    """Return the digest of a file's bytes, read only where it is not known."""
    if entry.sha256 is not None:
        return entry.sha256
    hashed = hashlib.sha256()
    for chunk in entry.read():
        hashed.update(chunk)
    return hashed.hexdigest()

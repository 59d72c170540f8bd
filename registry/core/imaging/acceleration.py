"""Accelerated images: a model quantised when the image is built, and which execution providers may run it."""

from typing import Annotated, Any

import msgspec

from registry.core.deploying.documents import Scalar, as_text
from registry.core.errors import InvalidInput

CPU = "CPUExecutionProvider"
_SUFFIX = "ExecutionProvider"
# onnxruntime's own spelling; people write them without the suffix and in any case.
_NAMES = (
    "TensorRT:Tensorrt CUDA MIGraphX OpenVINO DNNL:Dnnl VitisAI QNN NNAPI:Nnapi CoreML DirectML:Dml XNNPACK:Xnnpack "
    "CANN ROCM ArmNN ACL RKNPU:Rknpu WebGPU:WebGpu Azure CPU"
)
_KNOWN = {word.partition(":")[0].lower(): (word.partition(":")[2] or word) + _SUFFIX for word in _NAMES.split()}
REFERENCE_SCHEMES = ("runs:/", "azureml:")
FORMATS = ("npy", "csv", "json")
MAX_CALIBRATION_BYTES = 256 << 20

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ProviderDocument(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    options: dict[str, Scalar] = {}


class CalibrationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` is a file beside the document, ``runs:/ID/PATH``, or ``azureml:DATASET:VERSION``. ``label`` names the
    column with the right answers: a csv file's by its heading, an npy file's by its number, json's by its key."""

    data: str
    label: str | int | None = None


class AccelerationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """``providers`` in the order in which they are tried; ``require``: without one of these, a replica is not ready."""

    calibration: CalibrationDocument
    max_accuracy_drop: Share = 0.01
    providers: list[str | ProviderDocument] = []
    require: list[str] = []


class ExecutionProvider(msgspec.Struct, frozen=True, kw_only=True):
    """One of onnxruntime's, by its full name, and the options that it is started with."""

    name: str
    options: dict[str, str] = {}


class AccelerationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``data`` is a reference, or the name of a file whose bytes were uploaded under ``digest``."""

    data: str
    digest: str | None = None
    label: str | None = None
    max_accuracy_drop: Share = 0.01
    providers: list[ExecutionProvider] = msgspec.field(default_factory=lambda: [ExecutionProvider(name=CPU)])
    require: list[str] = []


class Quantised(msgspec.Struct, frozen=True, kw_only=True):
    """What quantising did; ``serving/quantiser/measure.py`` says how it is compared. Nothing in it is a time."""

    rows: int  # held out and compared
    measure: str  # accuracy, agreement or error
    before: float
    after: float
    drop: float
    max_error: float
    mean_error: float
    operators: list[str]
    tools: dict[str, str]  # name → version
    external: list[str] = []  # files of the model that held its weights, which the quantised model holds itself


class Acceleration(msgspec.Struct, frozen=True, kw_only=True):
    """Of an accelerated image: what it was made from, what that cost, and what may run it."""

    original: str  # digest of the model's file
    calibration: str  # digest of the rows
    label: str | None
    max_accuracy_drop: float
    quantised: Quantised
    providers: list[ExecutionProvider]
    require: list[str]


class QuantiseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that quantises is asked: one line of JSON on its stdin. Paths are absolute."""

    node: str  # the folder of a node, where the environment of ``lock`` is made
    lock: str
    python: str  # minor version
    work: str  # a folder that is the caller's to remove
    model: str
    quantised: str
    rows: str
    format: str  # one of FORMATS
    label: str | None
    max_drop: float


class QuantiseNews(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it tells: lines of JSON on its stdout; the last one has ``error`` or ``result``."""

    line: str = ""
    error: str = ""
    result: Quantised | None = None

    @property
    def is_last(self) -> bool:
        return bool(self.error) or self.result is not None


def request_of(document: AccelerationDocument, digest: str | None) -> AccelerationRequest:
    """Return what is asked of the registry; ``digest`` is the uploaded file's. Raises InvalidInput."""
    path = "$.acceleration"
    label = document.calibration.label
    providers = [_provider(one, f"{path}.providers[{n}]") for n, one in enumerate(document.providers)]
    request = AccelerationRequest(
        data=document.calibration.data,
        digest=digest,
        label=None if label is None else str(label),
        max_accuracy_drop=document.max_accuracy_drop,
        providers=providers or [ExecutionProvider(name=CPU)],
        require=[provider_name(name, f"{path}.require[{n}]") for n, name in enumerate(document.require)],
    )
    check_acceleration(request)
    if not is_reference(request.data):
        format_of(request.data)
    return request


def check_acceleration(request: AccelerationRequest) -> None:
    """Raise InvalidInput for providers that can never be what is meant."""
    names = [provider.name for provider in request.providers]
    for number, name in enumerate(names):
        provider_name(name, f"$.acceleration.providers[{number}]")
        if names.index(name) != number:
            path = f"$.acceleration.providers[{number}]"
            raise InvalidInput(f"{path}: {name} is in the list twice", path=path)
    for number, name in enumerate(request.require):
        if name not in names:
            path = f"$.acceleration.require[{number}]"
            raise InvalidInput(f"{path}: {name} is not among the providers, so it is never tried", path=path)


def is_reference(data: str) -> bool:
    """Say whether calibration data names something of the workspace, and not a file."""
    return data.startswith(REFERENCE_SCHEMES)


def format_of(name: str) -> str:
    """Return the format of a calibration file, by its ending. Raises InvalidInput."""
    ending = name.rpartition(".")[2].lower()
    if ending not in FORMATS:
        where = "$.acceleration.calibration.data"
        raise InvalidInput(f"{where}: {name!r} is no .npy, .csv or .json file", path=where)
    return ending


def provider_name(text: str, path: str) -> str:
    """Return onnxruntime's name of a provider: ``tensorrt`` is ``TensorrtExecutionProvider``. Raises InvalidInput."""
    if text.endswith(_SUFFIX) and text.isidentifier():
        return text
    if text.lower() not in _KNOWN:
        known = ", ".join(word.partition(":")[0] for word in _NAMES.split())
        raise InvalidInput(
            f"{path}: there is no execution provider {text!r}: write one of {known}, or its full name",
            path=path,
        )
    return _KNOWN[text.lower()]


def _provider(document: Any, path: str) -> ExecutionProvider:
    if isinstance(document, str):
        return ExecutionProvider(name=provider_name(document, path))
    return ExecutionProvider(
        name=provider_name(document.name, f"{path}.name"), options=as_text(document.options, f"{path}.options")
    )

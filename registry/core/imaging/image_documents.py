"""image.yaml: the document from which ``slipway image build`` makes an image. The keys are our own."""

from typing import Any

import msgspec

from registry.core.deploying.documents import Scalar
from registry.core.errors import InvalidInput
from registry.core.imaging.acceleration import AccelerationDocument, AccelerationRequest, check_acceleration, request_of
from registry.core.imaging.containers import ContainerSettings, check_settings
from registry.core.imaging.environments import EnvironmentRequest, check_environment
from registry.core.imaging.images import ImageKind
from registry.core.imaging.resources import Resources, check_resources
from registry.core.imaging.samples import Door, Tolerance, check_door
from registry.core.loading import to_record
from registry.core.names import ModelReference, check_name, parse_model_reference


class CodeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The folder with the user's code, and the script in it that has ``init()`` and ``run()``."""

    code: str
    scoring_script: str


class ImageEnvironmentDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the dependencies come from: a curated environment's ``name``, and one of the files or ``mlflow``.

    ``requirements``, ``pyproject`` and ``conda_file`` are paths relative to the document; ``mlflow: true`` takes what
    MLflow wrote beside the model, as is done without being asked where nothing else is named. ``vendor: true`` puts the
    wheels into the image.
    """

    name: str | None = None
    requirements: str | None = None
    pyproject: str | None = None
    extras: list[str] = []
    conda_file: str | None = None
    mlflow: bool = False
    python_version: str | None = None
    vendor: bool = False


class SampleDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request that the image's model must answer before it serves, as it answered it when the image was built."""

    file: str
    door: Door = Door.SCORE
    content_type: str = "application/json"
    tolerance: Tolerance = Tolerance()


class ImageDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """image.yaml: what ``slipway image build`` freezes. Paths are relative to the document."""

    name: str
    kind: ImageKind = ImageKind.SCORING
    model: str | None = None
    models: list[str] = []
    code_configuration: CodeDocument | None = None
    environment: ImageEnvironmentDocument = ImageEnvironmentDocument()
    sample_requests: list[SampleDocument] = []
    docker: ContainerSettings | None = None
    acceleration: AccelerationDocument | None = None
    resources: Resources = Resources()
    tags: dict[str, Scalar] = {}
    description: str = ""


def load_image(value: Any) -> ImageDocument:
    """Check the plain values of an image document. Raises InvalidInput."""
    _check_python(value)
    document = to_record(value, ImageDocument)
    check_name("image", document.name)
    parse_models(document.model, document.models)
    check_environment(EnvironmentRequest(**msgspec.structs.asdict(document.environment)))
    for number, sample in enumerate(document.sample_requests):
        check_door(sample.door, sample.content_type, f"$.sample_requests[{number}]")
    acceleration = None if document.acceleration is None else request_of(document.acceleration, None)
    check_kind(document.kind, document.docker, acceleration)
    check_resources(document.resources)
    return document


def _check_python(value: Any) -> None:
    environment = value.get("environment") if isinstance(value, dict) else None
    version = environment.get("python_version") if isinstance(environment, dict) else None
    if isinstance(version, int | float):  # YAML reads 3.10 as 3.1
        path = "$.environment.python_version"
        raise InvalidInput(f'{path}: {version} is a number: write it in quotes, such as "3.11"', path=path)


def check_kind(kind: ImageKind, docker: ContainerSettings | None, acceleration: AccelerationRequest | None) -> None:
    """Raise InvalidInput for settings that the image's kind has not, or that no image of it can have."""
    settings = {ImageKind.DOCKER: ("docker", docker), ImageKind.ACCELERATED: ("acceleration", acceleration)}
    for other, (key, value) in settings.items():
        if value is not None and kind is not other:
            message = f"these are settings of an image of kind {other}: write kind: {other}, not {kind}"
            raise InvalidInput(f"$.{key}: {message}", path=f"$.{key}")
    if docker is not None:
        check_settings(docker, "$.docker")
    if acceleration is not None:
        check_acceleration(acceleration)
    elif kind is ImageKind.ACCELERATED:
        message = "an accelerated image is calibrated with rows: write acceleration: {calibration: {data: rows.npy}}"
        raise InvalidInput(f"$.acceleration: {message}", path="$.acceleration")


def parse_models(model: str | None, models: list[str]) -> list[ModelReference]:
    """Return what an image's ``model`` or ``models`` name. Raises InvalidInput unless exactly one of them is given."""
    if model is not None and models:
        raise InvalidInput("$.models: the image has a model already: write model, or models, not both", path="$.models")
    if model is None and not models:
        raise InvalidInput("$.model: an image holds a model at least: write model: NAME:VERSION", path="$.model")
    return [parse_model_reference(text) for text in ([model] if model is not None else models)]

"""All that an image is made of, gathered and checked, before a byte of it is packed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from registry.core.errors import BuildFailed
from registry.core.imaging.acceleration import Acceleration
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import CODE_PATH, MAX_MODELS, MODELS_PATH, ImageKind, Runtime
from registry.core.imaging.resources import Resources
from registry.core.imaging.samples import Sample
from registry.images.checks import check_onnx, check_script, choose_runtime
from registry.images.mlmodel import find_mlmodel
from registry.images.pack import Entry

_MODELS_FOLDER = MODELS_PATH.removeprefix(f"{CODE_PATH}/")


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A model version; its entries' paths are relative to the version's folder."""

    name: str
    version: int
    run_id: str | None
    files: tuple[Entry, ...]

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class SampleInput:
    """A sample request as the image is to describe it, and its body."""

    sample: Sample
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInputs:
    """Paths of ``code`` are relative to the code folder, of ``scoring`` to its package."""

    models: tuple[ModelInput, ...]
    runtime: Runtime  # as ``check_inputs`` found it
    lock: bytes
    python: str
    architecture: str  # OCI's word: amd64 or arm64
    scoring: tuple[Entry, ...]
    kind: ImageKind = ImageKind.SCORING
    docker: ContainerSettings | None = None
    acceleration: Acceleration | None = None
    scoring_script: str | None = None
    code: tuple[Entry, ...] = ()
    wheels: tuple[Entry, ...] = ()
    resources: Resources = field(default_factory=Resources)
    samples: tuple[SampleInput, ...] = ()


def check_inputs(models: Sequence[ModelInput], code: Iterable[Entry], scoring_script: str | None) -> Runtime:
    """Check what can be checked before anything is resolved or packed, and return the image's runtime.

    Raises:
        BuildFailed: the models or the script cannot make an image.
    """
    _check_models(models, scoring_script)
    files = {entry.path: entry for entry in code}
    for path in files:
        if path.split("/")[0] == _MODELS_FOLDER:
            raise BuildFailed(f"the code folder holds {path}: {_MODELS_FOLDER}/ is where the model goes", path=path)
    model = models[0]
    mlmodel = find_mlmodel(model.reference, model.files) if scoring_script is None else None
    runtime = choose_runtime(model.reference, [entry.path for entry in model.files], scoring_script, mlmodel)
    match runtime:
        case Runtime.SCRIPT:
            assert scoring_script is not None
            if scoring_script not in files:
                known = ", ".join(sorted(path for path in files if path.endswith(".py"))[:5]) or "no .py file"
                raise BuildFailed(f"the code folder has no {scoring_script} (it has {known})", path=scoring_script)
            check_script(files[scoring_script])
        case Runtime.ONNX:
            file = next(entry for entry in model.files if entry.path.endswith(".onnx"))
            check_onnx(file.path, file.read())
    return runtime


def _check_models(models: Sequence[ModelInput], scoring_script: str | None) -> None:
    if not models:
        raise BuildFailed("an image holds a model at least: name one under model")
    if len(models) > MAX_MODELS:
        raise BuildFailed(f"an image holds at most {MAX_MODELS} models, not {len(models)}: each has layers of its own")
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise BuildFailed(f"model {name} is named twice: an image holds one version of each", model=name)
    if len(models) > 1 and scoring_script is None:
        references = ", ".join(model.reference for model in models)
        raise BuildFailed(
            f"{len(models)} models ({references}) in one image need a code_configuration with a "
            "scoring_script, which says what becomes of them"
        )

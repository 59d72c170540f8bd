"""Build images: an activity that a thread works off, line by line. What there is, is in ``catalog.py``."""

import hashlib
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from registry.core.activities import Activity, ActivityKind, ActivityState
from registry.core.counts import count
from registry.core.errors import BuildFailed, InvalidInput, NotFound, SlipwayError
from registry.core.imaging.image_documents import check_kind, parse_models
from registry.core.imaging.images import BuildRequest, Image, Runtime
from registry.core.imaging.resources import check_resources
from registry.core.imaging.samples import GoldenAnswers, check_samples
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.core.names import check_name
from registry.core.paths import check_archive_path
from registry.images.build import BuiltImage, Report, build_image
from registry.images.code import code_entries
from registry.images.environments.base import Wanted
from registry.images.environments.choose import check_request, choose_environment, resolve
from registry.images.inputs import BuildInputs, ModelInput, check_inputs
from registry.images.kinds.choose import Bench, kind_of
from registry.images.lock import own_requirements
from registry.images.mlmodel import find_mlmodel, mlflow_requirements
from registry.images.pack import Entry
from registry.images.scoring import scoring_package, scoring_requirements
from registry.images.wheels import wheels_of
from registry.operations.activities import begin_activity, end_activity, report_progress
from registry.operations.imaging.calibration import fetch_calibration, resolve_calibration
from registry.operations.imaging.catalog import LATEST, numbered_reference, record_image
from registry.operations.imaging.golden import check_bodies, fetch_samples, record_golden
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.signing import sign_build, signed_golden
from registry.operations.modelling.models import resolve_within
from registry.operations.workspace import Workspace

_log = logging.getLogger("slipway.registry.images")


def start_build(workspace: Workspace, works: ImageWorks, request: BuildRequest) -> Activity:
    """Begin a build on a thread of its own and return its activity. Its result is the image's digest and reference.

    Raises:
        InvalidInput: a name or reference in the request is not legal.
        NotFound: the model version, its alias or the uploaded code does not exist.
        BuildFailed: the request can never make an image: the version's files are not here.
        Unavailable: as many builds are waiting as may be.
    """
    versions = _check_request(workspace, request)
    activity = begin_activity(workspace, ActivityKind.BUILD, request.name, f"building {request.name}")
    arguments = (workspace, works, request, versions, activity.id)
    threading.Thread(target=run_build, args=arguments, name=f"build-{activity.id}", daemon=True).start()
    return activity


def run_build(
    workspace: Workspace, works: ImageWorks, request: BuildRequest, versions: list[ModelVersion], activity_id: str
) -> None:
    """Work off one build and end its activity, whatever happens."""

    def report(progress: float, line: str) -> None:
        report_progress(workspace, activity_id, progress, line)

    try:
        with works.turns:
            image = _build(workspace, works, request, versions, report)
        result = {"digest": image.digest, "reference": numbered_reference(image)}
        message = f"built {result['reference']} ({image.size_bytes:,} bytes, {image.digest})"
        end_activity(workspace, activity_id, ActivityState.SUCCEEDED, message, result)
    except SlipwayError as error:
        end_activity(workspace, activity_id, ActivityState.FAILED, error.message)
    except Exception:
        _log.exception("build %s of %s broke off", activity_id, request.name)
        message = "the build broke off because of a fault of the registry's: its log says more"
        end_activity(workspace, activity_id, ActivityState.FAILED, message)


def _check_request(workspace: Workspace, request: BuildRequest) -> list[ModelVersion]:
    check_name("image", request.name)
    references = parse_models(request.model, request.models)
    check_kind(request.kind, request.docker, request.acceleration)
    if request.acceleration is not None:
        resolve_calibration(workspace, request.acceleration)
    check_resources(request.resources)
    check_request(request.environment)
    if request.scoring_script is not None:
        check_archive_path(request.scoring_script)
        if request.code_digest is None:
            raise InvalidInput("$.scoring_script: the code folder is missing: upload it and give its code_digest")
    elif request.code_digest is not None:
        raise InvalidInput("$.code_digest: which file of the code folder is the scoring_script?")
    if request.code_digest is not None and not workspace.blobs.exists(request.code_digest):
        raise NotFound(f"there is no blob {request.code_digest}: upload the code folder first")
    check_samples(request.sample_requests, "$.sample_requests")
    check_bodies(workspace, request.sample_requests)
    with workspace.metadata.read() as tx:
        versions = [resolve_within(tx, reference) for reference in references]
    for version in versions:
        if not version.files:
            raise BuildFailed(
                f"model {version.name}:{version.version} has no files in this workspace, only its source "
                f"{version.source!r}: download them and use `slipway model import`",
                model=version.name,
                version=version.version,
            )
    return versions


def _build(
    workspace: Workspace, works: ImageWorks, request: BuildRequest, versions: list[ModelVersion], report: Report
) -> Image:
    for version in versions:
        size = sum(file.size for file in version.files)
        report(0.05, f"model {version.name}:{version.version}: {count(len(version.files), 'file')}, {size:,} bytes")
    models = tuple(_model_input(workspace, version) for version in versions)
    with tempfile.TemporaryDirectory(prefix="slipway-build-") as folder:
        code = _fetch_code(workspace, request.code_digest, Path(folder) / "code.tar")
        runtime = check_inputs(models, code, request.scoring_script)
        needs_code = runtime is not Runtime.ONNX
        sources, python = choose_environment(
            request.environment, models, needs_code=needs_code, default_python=works.python
        )
        own = own_requirements(scoring_requirements(), runtime) + _of_mlflow(models[0], runtime, sources)
        for source in sources:
            report(0.1, f"{source.origin}: {len(source.requirements)} requirements")
        report(0.1, f"resolving them and {len(own)} of the scoring process for Python {python}")
        lock = resolve(works.locks, sources, own, python, works.architecture)
        report(0.6, f"locked {lock.count(b'==')} packages")
        wheels = wheels_of(lock, python, works.architecture) if request.environment.vendor else ()
        if wheels:
            report(0.6, f"carrying {len(wheels)} wheels, {sum(wheel.size for wheel in wheels):,} bytes")
        inputs = BuildInputs(
            models=models,
            runtime=runtime,
            code=code,
            scoring_script=request.scoring_script,
            lock=lock,
            python=python,
            architecture=works.architecture,
            scoring=scoring_package(runtime),
            wheels=wheels,
            resources=request.resources,
            samples=fetch_samples(workspace, request.sample_requests),
        )
        bench = _bench(workspace, works, request, Path(folder), lambda line: report(0.6, line))
        inputs = kind_of(request, bench).prepare(inputs)
        rehearsal = _Rehearsal(workspace, works, request.name, report)
        built = build_image(works.layout, inputs, lambda part, line: report(0.6 + 0.2 * part, line), rehearsal.run)
    golden = rehearsal.signed
    if rehearsal.answers is not None:
        golden = record_golden(workspace, works, request.name, built.digest, rehearsal.answers)
    report(0.98, f"signed with {sign_build(workspace, works, request.name, built.digest, golden).key}")
    return _record(workspace, works, request, built)


class _Rehearsal:
    """Has an image's samples answered, and keeps that for when it is stored. Only those answers stand for it that this
    workspace has signed: whatever else is attached to the image, anybody may have pushed."""

    def __init__(self, workspace: Workspace, works: ImageWorks, name: str, report: Report) -> None:
        self._workspace, self._works, self._name, self._report = workspace, works, name, report
        self.signed = ""  # the digest of answers that were recorded before
        self.answers: GoldenAnswers | None = None

    def run(self, built: BuiltImage, folders: Sequence[Path]) -> None:
        if not built.config.samples:
            return
        self.signed = signed_golden(self._workspace, self._works, self._name, built.digest)
        if self.signed:
            return
        self._report(0.8, f"rehearsing {len(built.config.samples)} sample requests")
        self.answers = self._works.rehearsals.rehearse(
            self._name, built.digest, folders, lambda line: self._report(0.8, line)
        )


def _of_mlflow(model: ModelInput, runtime: Runtime, sources: Sequence[Wanted]) -> list[str]:
    """List what an MLflow model needs to run that no source names."""
    mlmodel = find_mlmodel(model.reference, model.files) if runtime is Runtime.MLFLOW else None
    users = [requirement for source in sources for requirement in source.requirements]
    return mlflow_requirements(mlmodel, users) if mlmodel else []


def _bench(
    workspace: Workspace, works: ImageWorks, request: BuildRequest, folder: Path, report: Callable[[str], None]
) -> Bench:
    calibration = None
    if request.acceleration is not None:
        calibration = fetch_calibration(workspace, resolve_calibration(workspace, request.acceleration), folder)
    return Bench(works.quantiser, calibration, folder, report)


def _fetch_code(workspace: Workspace, digest: str | None, archive: Path) -> tuple[Entry, ...]:
    if digest is None:
        return ()
    with archive.open("wb") as file:
        for chunk in workspace.blobs.stream(digest):
            file.write(chunk)
    return code_entries(archive)


def _model_input(workspace: Workspace, version: ModelVersion) -> ModelInput:
    files = tuple(_model_entry(workspace, file) for file in version.files)
    return ModelInput(version.name, version.version, version.run_id, files)


def _model_entry(workspace: Workspace, file: ModelFile) -> Entry:
    def read() -> Iterator[bytes]:
        hashed = hashlib.sha256()
        for chunk in workspace.blobs.stream(f"sha256:{file.sha256}"):
            hashed.update(chunk)
            yield chunk
        if hashed.hexdigest() != file.sha256:
            raise BuildFailed(f"{file.path} of the model is damaged: blob sha256:{file.sha256} has other bytes")

    return Entry(file.path, file.size, read, file.sha256)


def _record(workspace: Workspace, works: ImageWorks, request: BuildRequest, built: BuiltImage) -> Image:
    image = record_image(
        workspace,
        name=request.name,
        digest=built.digest,
        config=built.config,
        layers=built.manifest.layers,
        size_bytes=built.size_bytes,
        labels=request.labels,
        description=request.description,
    )
    for reference in (numbered_reference(image), f"{image.name}:{LATEST}"):
        works.layout.tag(reference, image.digest)
    return image

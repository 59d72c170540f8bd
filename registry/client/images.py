"""Images as the SDK has them: build from a document and the folder it lies in, find, tag, compare."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec

from registry.client.blobs import Blobs
from registry.client.calibration import upload_calibration
from registry.client.code.code_folder import pack_folder
from registry.client.door import V1, Door
from registry.client.samples import upload_samples
from registry.core.activities import Activity
from registry.core.deploying.documents import as_text
from registry.core.errors import InvalidInput
from registry.core.imaging.acceleration import AccelerationRequest
from registry.core.imaging.environments import EnvironmentRequest
from registry.core.imaging.image_documents import ImageDocument, ImageEnvironmentDocument
from registry.core.imaging.image_prune import PruneOrder, PrunePlan
from registry.core.imaging.image_views import ImageChange, ImageDiff, ImageHistory, ImageQuery, ImageTag
from registry.core.imaging.images import BuildRequest, Image
from registry.core.imaging.samples import GoldenAnswers
from registry.core.imaging.signatures import ImageToSign, ImageToVerify, SignedImage
from registry.core.rest import ImageList


class Images:
    def __init__(self, door: Door, blobs: Blobs) -> None:
        self._door = door
        self._blobs = blobs

    def list(self, query: ImageQuery | None = None) -> list[Image]:
        """Return every image, or those that the query asks for, by name and then from old to new."""
        given = msgspec.structs.asdict(query or ImageQuery())
        params = {name: value for name, value in given.items() if value is not None}
        return self._door.ask("GET", "/images", ImageList, params=params).images

    def get(self, reference: str) -> Image:
        """Return the image that ``name:tag``, ``name@sha256:…`` or ``name`` means now."""
        return self._door.ask("GET", f"/images/{_path(reference)}", Image)

    def verify(self, reference: str) -> Activity:
        """Begin to read an image whole again and look at its signature; the activity fails if anything is wrong."""
        return self._door.ask("POST", "/image-verifications", Activity, ImageToVerify(reference=reference))

    def sign(self, reference: str) -> SignedImage:
        """Sign an image with the workspace's key, whoever built it. Takes an owner's token."""
        return self._door.ask("POST", "/image-signatures", SignedImage, ImageToSign(reference=reference))

    def tag(self, reference: str, tag: str) -> Image:
        """Point a tag at an image; numbers cannot be moved."""
        return self._door.ask("POST", "/image-tags", Image, ImageTag(reference=reference, tag=tag))

    def untag(self, reference: str) -> None:
        """Take the tag of ``name:tag`` away; the image keeps its number."""
        self._door.send("DELETE", f"{V1}/image-tags/{_path(reference)}")

    def change(self, reference: str, change: ImageChange) -> Image:
        """Set and take away labels, and set the description if one is given."""
        return self._door.ask("PATCH", f"/images/{_path(reference)}", Image, change)

    def history(self, name: str, at_ms: int | None = None) -> ImageHistory:
        """Return what each tag meant, and who moved it; with ``at_ms``, what held at that time."""
        params = {} if at_ms is None else {"at_ms": at_ms}
        return self._door.ask("GET", f"/image-history/{_path(name)}", ImageHistory, params=params)

    def diff(self, a: str, b: str) -> ImageDiff:
        """Return what differs: settings, packages, layers and their files."""
        return self._door.ask("GET", "/image-diff", ImageDiff, params={"a": a, "b": b})

    def preview_prune(self, order: PruneOrder) -> PrunePlan:
        """Return what would go, and what it would free."""
        given = msgspec.structs.asdict(order)
        params = {name: value for name, value in given.items() if value is not None}
        return self._door.ask("GET", "/image-prune", PrunePlan, params=params)

    def prune(self, order: PruneOrder) -> PrunePlan:
        """Delete what no revision and no tag refers to."""
        return self._door.ask("POST", "/image-prune", PrunePlan, order)

    def build(self, document: ImageDocument, folder: Path, report: Callable[[str], None] = lambda _: None) -> Activity:
        """Upload what the document names and begin the build; follow the activity to its ``result``.

        ``report`` is told of each link in the code folder that does not travel, such as one that leads out of it.

        Raises:
            InvalidInput: a path in the document, relative to ``folder``, leads to nothing.
        """
        code = document.code_configuration
        request = BuildRequest(
            name=document.name,
            kind=document.kind,
            model=document.model,
            models=document.models,
            code_digest=self._upload(folder / code.code, report) if code else None,
            scoring_script=code.scoring_script if code else None,
            environment=_read_environment(document.environment, folder),
            sample_requests=upload_samples(self._blobs, document.sample_requests, folder),
            docker=document.docker,
            acceleration=self._calibrated(document, folder),
            resources=document.resources,
            labels=as_text(document.tags, "$.tags"),
            description=document.description,
        )
        return self._door.ask("POST", "/images", Activity, request)

    def golden(self, reference: str) -> GoldenAnswers:
        """Return the answers that an image's samples were given when it was built, in the samples' order."""
        return self._door.ask("GET", f"/image-golden/{_path(reference)}", GoldenAnswers)

    def _calibrated(self, document: ImageDocument, folder: Path) -> AccelerationRequest | None:
        acceleration = document.acceleration
        return None if acceleration is None else upload_calibration(self._blobs, acceleration, folder)

    def _upload(self, code: Path, report: Callable[[str], None]) -> str:
        with tempfile.TemporaryDirectory(prefix="slipway-code-") as temporary:
            archive = Path(temporary) / "code.tar"
            for path, why in pack_folder(code, archive).items():
                report(f"{path!r} is not in the image: {why}")
            return self._blobs.put_file(archive)


def _path(reference: str) -> str:
    return quote(reference, safe=":@/")


def _read_environment(document: ImageEnvironmentDocument, folder: Path) -> EnvironmentRequest:
    return EnvironmentRequest(
        name=document.name,
        requirements=_read("requirements", document.requirements, folder),
        pyproject=_read("pyproject", document.pyproject, folder),
        extras=document.extras,
        conda_file=_read("conda_file", document.conda_file, folder),
        mlflow=document.mlflow,
        python_version=document.python_version,
        vendor=document.vendor,
    )


def _read(key: str, path: str | None, folder: Path) -> str | None:
    if path is None:
        return None
    try:
        return (folder / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidInput(
            f"$.environment.{key}: cannot read {folder / path}: {reason}", path=str(folder / path)
        ) from error

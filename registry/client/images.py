"""Images as the SDK has them: build from a document and the folder it lies in, list, show."""

import tempfile
from pathlib import Path
from urllib.parse import quote

from registry.client.blobs import Blobs
from registry.client.code_folder import pack_folder
from registry.client.door import Door
from registry.core.activities import Activity
from registry.core.documents import ImageDocument, as_text
from registry.core.errors import InvalidInput
from registry.core.images import BuildRequest, Image
from registry.core.rest import ImageList


class Images:
    def __init__(self, door: Door, blobs: Blobs) -> None:
        self._door = door
        self._blobs = blobs

    def list(self) -> list[Image]:
        return self._door.ask("GET", "/images", ImageList).images

    def get(self, reference: str) -> Image:
        """Return the image that ``name:tag``, ``name@sha256:…`` or ``name`` means now."""
        return self._door.ask("GET", f"/images/{quote(reference, safe=':@')}", Image)

    def build(self, document: ImageDocument, folder: Path) -> Activity:
        """Upload what the document names and begin the build; follow the activity to its ``result``.

        Raises:
            InvalidInput: a path in the document, relative to ``folder``, leads to nothing.
        """
        code = document.code_configuration
        request = BuildRequest(
            name=document.name,
            model=document.model,
            code_digest=self._upload(folder / code.code) if code else None,
            scoring_script=code.scoring_script if code else None,
            requirements=_read_requirements(document.environment.requirements, folder),
            python=document.environment.python_version,
            labels=as_text(document.tags, "$.tags"),
            description=document.description,
        )
        return self._door.ask("POST", "/images", Activity, request)

    def _upload(self, code: Path) -> str:
        with tempfile.TemporaryDirectory(prefix="slipway-code-") as temporary:
            archive = Path(temporary) / "code.tar"
            pack_folder(code, archive)
            return self._blobs.put_file(archive)


def _read_requirements(path: str | None, folder: Path) -> str | None:
    if path is None:
        return None
    try:
        return (folder / path).read_text()
    except OSError as error:
        raise InvalidInput(
            f"$.environment.requirements: cannot read {folder / path}: {error.strerror}", path=str(folder / path)
        ) from error

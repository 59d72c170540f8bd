"""Datasets as the SDK has them: files uploaded as a version, listed, and fetched again."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from registry.client.blobs import Blobs
from registry.client.door import V1, Door
from registry.client.files import files_to_import
from registry.core.errors import InvalidInput, Unavailable
from registry.core.modelling.dataset_versions import LATEST, DatasetList, DatasetVersion, NewDatasetVersion
from registry.core.modelling.models import ModelFile
from registry.core.paths import check_archive_path
from registry.core.rest import ImportedFile

Report = Callable[[int], None]  # the size of each piece, in bytes


class Datasets:
    def __init__(self, door: Door, blobs: Blobs) -> None:
        self._door = door
        self._blobs = blobs

    def versions(self, name: str) -> list[DatasetVersion]:
        """Return a dataset's versions from old to new."""
        return self._door.ask("GET", _dataset(name), DatasetList).versions

    def list(self) -> list[DatasetVersion]:
        """Return every version of every dataset, by name and then from old to new."""
        return self._door.ask("GET", "/datasets", DatasetList).versions

    def get(self, name: str, version: int | None = None) -> DatasetVersion:
        """Return a version; None is the newest."""
        return self._door.ask("GET", _version(name, version), DatasetVersion)

    def create(
        self,
        name: str,
        path: Path,
        description: str = "",
        tags: dict[str, str] | None = None,
        report: Report = lambda _: None,
    ) -> DatasetVersion:
        """Upload a file or folder and make it the dataset's next version.

        Raises:
            InvalidInput: there is nothing at the path, or a file's name cannot travel.
        """
        files = [
            ImportedFile(path=inside, digest=self._blobs.put_file(file, report))
            for inside, file in files_to_import(path)
        ]
        new = NewDatasetVersion(files=files, description=description, tags=tags or {})
        return self._door.ask("POST", f"{_dataset(name)}/versions", DatasetVersion, new)

    def download(self, version: DatasetVersion, folder: Path, report: Report = lambda _: None) -> None:
        """Write a version's files below ``folder``, whatever the registry calls them; each is whole or not there.

        Raises:
            InvalidInput: a file or a link is in the way, or a file's path leads out of the folder.
            Unavailable: a file arrived damaged.
        """
        for file in version.files:
            check_archive_path(file.path)
        for file in version.files:
            target = _target(folder, file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._fetch(file, target, report)

    def delete(self, name: str, version: int) -> None:
        """Hide a version; ``restore`` brings it back."""
        self._door.send("DELETE", V1 + _version(name, version))

    def restore(self, name: str, version: int) -> DatasetVersion:
        return self._door.ask("POST", f"{_version(name, version)}/restore", DatasetVersion)

    def _fetch(self, file: ModelFile, target: Path, report: Report) -> None:
        hashed = hashlib.sha256()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".slipway-") as folder:
            partial = Path(folder) / "partial"
            with partial.open("wb") as out, self._blobs.stream(f"sha256:{file.sha256}") as chunks:
                for chunk in chunks:
                    hashed.update(chunk)
                    out.write(chunk)
                    report(len(chunk))
            if hashed.hexdigest() != file.sha256:
                raise Unavailable(f"{file.path} arrived damaged: `slipway registry verify` says more")
            partial.rename(target)


def _target(folder: Path, path: str) -> Path:
    """Return where a file goes. Raises InvalidInput if something is there, or a link below ``folder`` leads away."""
    target = folder / path
    between = target.parents[: path.count("/")]
    if link := next((one for one in between if one.is_symlink()), None):
        raise InvalidInput(f"{link} is a link, and may lead elsewhere: choose another folder", path=str(link))
    if target.exists() or target.is_symlink():
        raise InvalidInput(f"{target} is there already: choose another folder", path=str(target))
    return target


def _dataset(name: str) -> str:
    return f"/datasets/{quote(name, safe='')}"


def _version(name: str, version: int | None) -> str:
    return f"{_dataset(name)}/versions/{LATEST if version is None else version}"

"""Models as the SDK has them: each method is one call, but those that import upload first."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from registry.client.blobs import Blobs
from registry.client.door import V1, Door
from registry.client.files import files_to_import
from registry.core import rest
from registry.core.errors import NotFound
from registry.core.modelling.lineage import DatasetLineage, ModelLineage
from registry.core.modelling.models import Model, ModelEntry, ModelVersion


class Models:
    def __init__(self, door: Door, blobs: Blobs) -> None:
        self._door = door
        self._blobs = blobs

    def list(self) -> list[Model]:
        return self._door.ask("GET", "/models", rest.ModelList).models

    def get(self, name: str) -> Model:
        return self._door.ask("GET", _model(name), Model)

    def version(self, name: str, version: int | str = "latest") -> ModelVersion:
        """Return a version, by its number, an alias or ``latest``."""
        return self._door.ask("GET", _version(name, version), ModelVersion)

    def register(self, name: str, run_id: str, path: str = "", description: str = "") -> ModelVersion:
        """Freeze a file or folder of a run's artifacts as the model's next version."""
        new = rest.NewVersion(run_id=run_id, path=path, description=description)
        return self._door.ask("POST", f"{_model(name)}/versions", ModelVersion, new)

    def import_once(
        self, name: str, path: Path, description: str = "", report: Callable[[int], None] = lambda _: None
    ) -> ModelVersion:
        """Import a file or folder, or return the model's newest version if it has the same files. As below."""
        here = {(inside, _sha256(file)) for inside, file in files_to_import(path)}
        try:
            versions = self.get(name).versions
        except NotFound:
            versions = []
        if versions and {(file.path, file.sha256) for file in versions[-1].files} == here:
            return versions[-1]
        return self.import_files(name, path, description, report)

    def import_files(
        self, name: str, path: Path, description: str = "", report: Callable[[int], None] = lambda _: None
    ) -> ModelVersion:
        """Upload a file or folder and make it the model's next version; ``report`` gets each piece's size in bytes.

        Raises:
            InvalidInput: there is nothing at the path, or a file's name cannot travel.
        """
        files = []
        for inside, file in files_to_import(path):
            digest = self._blobs.put_file(file, report)
            files.append(rest.ImportedFile(path=inside, digest=digest))
        new = rest.NewImport(files=files, path=path.resolve().name, description=description)
        return self._door.ask("POST", f"{_model(name)}/imports", ModelVersion, new)

    def set_card(self, name: str, text: str) -> ModelEntry:
        """Replace a model's card, in Markdown. It is what MLflow calls the description."""
        return self._door.ask("PATCH", _model(name), ModelEntry, rest.CardText(description=text))

    def set_version_card(self, name: str, version: int, text: str) -> ModelVersion:
        """Replace a version's card."""
        return self._door.ask("PATCH", _version(name, version), ModelVersion, rest.CardText(description=text))

    def delete(self, name: str, version: int | None = None) -> None:
        """Hide a model, or one version; ``restore`` brings it back."""
        self._door.send("DELETE", V1 + (_model(name) if version is None else _version(name, version)))

    def restore(self, name: str) -> Model:
        return self._door.ask("POST", f"{_model(name)}/restore", Model)

    def restore_version(self, name: str, version: int) -> ModelVersion:
        return self._door.ask("POST", f"{_version(name, version)}/restore", ModelVersion)

    def set_alias(self, name: str, alias: str, version: int | str) -> ModelEntry:
        """Point an alias at what ``version`` means now."""
        target = rest.AliasTarget(version=str(version))
        return self._door.ask("PUT", f"{_model(name)}/aliases/{_part(alias)}", ModelEntry, target)

    def delete_alias(self, name: str, alias: str) -> None:
        self._door.send("DELETE", f"{V1}{_model(name)}/aliases/{_part(alias)}")

    def history(self, name: str, at_ms: int | None = None) -> rest.ModelHistory:
        """Return what aliases and stages meant, from old to new; with ``at_ms``, what each meant at that time."""
        params = {} if at_ms is None else {"at_ms": at_ms}
        return self._door.ask("GET", f"{_model(name)}/history", rest.ModelHistory, params=params)

    def lineage(self, name: str) -> ModelLineage:
        """Return where each version came from, and which images and deployments use or used it."""
        return self._door.ask("GET", f"{_model(name)}/lineage", ModelLineage)

    def made_from(self, dataset_digest: str) -> DatasetLineage:
        """Return the runs that read a dataset, and the versions, images and deployments that came of them."""
        return self._door.ask("GET", "/dataset-lineage", DatasetLineage, params={"digest": dataset_digest})


def _part(name: str) -> str:
    return quote(name, safe="")


def _model(name: str) -> str:
    return f"/models/{_part(name)}"


def _version(name: str, version: int | str) -> str:
    return f"{_model(name)}/versions/{_part(str(version))}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

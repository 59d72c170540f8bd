"""Datasets: named, numbered sets of files that never change, for what must be repeatable."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.modelling.models import ModelFile
from registry.core.names import check_name
from registry.core.rest import ImportedFile

LATEST = "latest"
REFERENCE = re.compile(r"(?:azureml:)?(?P<name>[^:@/]+)(?::(?P<version>[0-9]{1,9})|@(?P<latest>latest))\Z")


class DatasetReference(NamedTuple):
    """``azureml:rows:1`` or ``rows@latest``; version None is the newest."""

    name: str
    version: int | None


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Files and number never change. ``path`` of a file begins with the name of what was imported."""

    name: str
    version: int
    description: str = ""
    tags: dict[str, str] = {}
    files: list[ModelFile]
    created_ms: int
    created_by: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files)


class NewDatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Uploaded blobs, and their paths in the version."""

    files: list[ImportedFile]
    description: str = ""
    tags: dict[str, str] = {}


class DatasetList(msgspec.Struct, frozen=True, kw_only=True):
    """By name, and then from old to new."""

    versions: list[DatasetVersion]


def parse_dataset_reference(text: str) -> DatasetReference:
    """Split a dataset reference.

    Raises:
        InvalidInput: the text is none of the accepted forms.
    """
    match = REFERENCE.match(text)
    if match is None:
        raise InvalidInput(f"{text!r} is not a dataset: write azureml:NAME:VERSION or NAME@latest", value=text)
    version = match["version"]
    return DatasetReference(check_name("dataset", match["name"]), int(version) if version else None)


def no_dataset(name: str, version: int | None, known: Sequence[int]) -> NotFound:
    """Return the error of a dataset or version that is not there."""
    if not known:
        return NotFound(f"there is no dataset {name!r}", dataset=name)
    there_are = ", ".join(map(str, known))
    return NotFound(f"dataset {name!r} has no version {version} (there is: {there_are})", dataset=name, version=version)

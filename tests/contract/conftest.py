"""Places for blobs, on every kind of store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.store.blobs import Blobs, open_blobs
from tests.servers.azure_blob import AzureBlob
from tests.servers.processes import Absent, require
from tests.servers.s3 import S3


class Place(NamedTuple):
    """A store's URL, and a function that returns everything that lies there, under whatever name."""

    url: str
    left: Callable[[], list[str]]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    try:
        server = S3()
    except Absent as reason:
        require(reason)
    yield server
    server.close()


@pytest.fixture(scope="session")
def azure() -> Iterator[AzureBlob]:
    try:
        server = AzureBlob()
    except Absent as reason:
        require(reason)
    yield server
    server.close()


@pytest.fixture(params=["file", "s3", "azure"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that can be looked at from behind."""
    if request.param == "file":
        folder = tmp_path / "blobs here"
        return Place(f"file://{folder}", lambda: [str(path) for path in folder.rglob("*") if path.is_file()])
    if request.param == "s3":
        s3: S3 = request.getfixturevalue("s3")
        url = s3.empty_bucket()
        return Place(url, lambda: s3.left_in(url))
    azure: AzureBlob = request.getfixturevalue("azure")
    url = azure.empty_container()
    return Place(url, lambda: azure.left_in(url))


@pytest.fixture(params=["memory", "file", "s3", "azure"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Any store, with nothing in it."""
    match request.param:
        case "memory":
            return open_blobs("memory://")
        case "file":
            return open_blobs(f"file://{tmp_path}/blobs here")
        case "s3":
            return open_blobs(request.getfixturevalue("s3").empty_bucket())
    return open_blobs(request.getfixturevalue("azure").empty_container())

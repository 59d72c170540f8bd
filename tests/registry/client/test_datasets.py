"""Downloads from a registry that names paths as it likes."""

import hashlib
from pathlib import Path

import httpx
import pytest

from registry.client import Client
from registry.core.errors import InvalidInput
from registry.core.modelling.dataset_versions import DatasetVersion
from registry.core.modelling.models import ModelFile

EVIL = b"evil"


def download(folder: Path, *paths: str) -> None:
    """Fetch a version with files of these paths from a registry that has each of them."""
    files = [ModelFile(path=path, sha256=hashlib.sha256(EVIL).hexdigest(), size=len(EVIL)) for path in paths]
    with Client("http://registry", httpx.MockTransport(lambda _: httpx.Response(200, content=EVIL))) as client:
        client.datasets.download(DatasetVersion(name="rows", version=1, files=files, created_ms=0), folder)


def test_what_is_named_below_the_folder_is_written_there(tmp_path: Path) -> None:
    download(tmp_path / "here", "rows/a.csv", "rows/part/b.csv")
    assert (tmp_path / "here/rows/part/b.csv").read_bytes() == EVIL


@pytest.mark.parametrize("path", ["../outside", "rows/../../outside", "/tmp/slipway-outside", "rows/\x1b", ""])
def test_a_path_that_leads_out_of_the_folder_writes_nothing_at_all(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidInput, match="is not a path that an archive may hold"):
        download(tmp_path / "here", "rows/a.csv", path)
    assert list(tmp_path.rglob("*")) == []
    assert not Path("/tmp/slipway-outside").exists()


def test_a_link_below_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here/rows").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInput, match="here/rows is a link, and may lead elsewhere"):
        download(tmp_path / "here", "rows/deep/a.csv")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="is there already"):
        download(tmp_path, "a.csv")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "disk")
    download(tmp_path / "here", "rows/a.csv")
    assert (tmp_path / "disk/rows/a.csv").read_bytes() == EVIL

from pathlib import Path

import pytest

from registry.containers.base import check_architecture, find_python
from registry.containers.layouts import FolderBlobs, LayoutSource
from registry.core.errors import InvalidInput
from registry.core.imaging.images import Descriptor
from tests.registry.containers.bases import DEBIAN_LIKE, write_layout


def find(layout: Path, minor: str = "3.11") -> str:
    source = LayoutSource(FolderBlobs(layout, "the base"), None, "amd64")
    return find_python(source, source.image(), minor, lambda layer: None)


@pytest.mark.parametrize("compression", ["", "+gzip", "+zstd"])
def test_python_is_found_in_layers_of_every_compression(tmp_path: Path, compression: str) -> None:
    assert find(write_layout(tmp_path / "base", compression=compression)) == "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("layers", "path"),
    [
        ([DEBIAN_LIKE, {"usr/local/bin/python3.11": "ELF"}], "/usr/local/bin/python3.11"),
        (
            [{"usr/local/bin/python3.11": "ELF", **DEBIAN_LIKE}, {"usr/local/bin/.wh.python3.11": ""}],
            "/usr/bin/python3.11",
        ),
        ([{"bin/python3.11": "ELF"}], "/bin/python3.11"),
        ([{"lib/ld-musl-x86_64.so.1": "", "lib64/ld-linux-x86-64.so.2": ""}, DEBIAN_LIKE], "/usr/bin/python3.11"),
        ([{"usr/bin/python3.11": "->../lib/python"}], "/usr/bin/python3.11"),
        (
            [{"usr/bin/python3.12": "ELF"}, {"usr/bin/.wh..wh..opq": "", "usr/bin/python3.11": "ELF"}],
            "/usr/bin/python3.11",
        ),
    ],
)
def test_upper_layers_decide_which_python_is_there(tmp_path: Path, layers: list[dict[str, str]], path: str) -> None:
    assert find(write_layout(tmp_path / "base", *layers)) == path


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [{"usr/bin/python3.12": "ELF"}],
            r"needs Python 3\.11, and the base has /usr/bin/python3\.12: build the image",
        ),
        ([{"usr/bin/python3": "ELF"}], "the base has no Python in /usr/local/bin or /usr/bin"),
        ([DEBIAN_LIKE, {"usr/.wh.bin": ""}], "the base has no Python"),
        ([{"lib/ld-musl-x86_64.so.1": "ELF", **DEBIAN_LIKE}], "musl, as Alpine has"),
    ],
)
def test_a_base_without_the_images_python_is_refused(
    tmp_path: Path, layers: list[dict[str, str]], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        find(write_layout(tmp_path / "base", *layers))


def test_a_damaged_layer_is_named(tmp_path: Path) -> None:
    layout = write_layout(tmp_path / "base")
    source = LayoutSource(FolderBlobs(layout, "the base"), None, "amd64")
    (layer,) = source.image().layers
    (layout / "blobs" / layer.digest.replace(":", "/")).write_bytes(b"no gzip")
    with pytest.raises(InvalidInput, match=f"layer {layer.digest} of the base cannot be read"):
        find(layout)


def test_every_layer_is_reported_once(tmp_path: Path) -> None:
    seen: list[Descriptor] = []
    source = LayoutSource(FolderBlobs(write_layout(tmp_path / "base", DEBIAN_LIKE, {"a": "b"}), "it"), None, "amd64")
    find_python(source, source.image(), "3.11", seen.append)
    assert tuple(seen) == source.image().layers


def test_a_base_for_another_processor_is_refused(tmp_path: Path) -> None:
    layout = write_layout(tmp_path / "base", architecture="arm64")
    with pytest.raises(InvalidInput, match="the base is for arm64, and the image for amd64"):
        check_architecture(LayoutSource(FolderBlobs(layout, "the base"), None, "amd64").image(), "amd64")


def test_a_base_of_zstd_without_the_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = write_layout(tmp_path / "base", compression="+zstd")
    monkeypatch.setattr("registry.containers.base.zstd", None)
    with pytest.raises(InvalidInput, match=r"install slipway\[zstd\]"):
        find(layout)

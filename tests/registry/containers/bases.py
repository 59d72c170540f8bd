"""Base images of a few files, in every form that a base may have."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from backports import zstd

from registry.core.imaging.images import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE

DEBIAN_LIKE = {"usr/bin/python3": "->python3.11", "usr/bin/python3.11": "ELF", "etc/os-release": "ID=debian"}
_PACK = {"": bytes, "+gzip": lambda plain: gzip.compress(plain, mtime=0), "+zstd": zstd.compress}


def layer_of(files: dict[str, str]) -> bytes:
    """Return a tar: a value that begins with "->" is where a link leads."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(f"./{path}")
            if content.startswith("->"):
                info.type, info.linkname = tarfile.SYMTYPE, content[2:]
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


def write_layout(
    folder: Path, *layers: dict[str, str], compression: str = "+gzip", architecture: str = "amd64", tag: str = "base"
) -> Path:
    """Write an OCI layout with one image of these layers."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    plain = [layer_of(files) for files in layers or (DEBIAN_LIKE,)]
    described = [_place(folder, _PACK[compression](content), f"{LAYER_TYPE}{compression}") for content in plain]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin"], "Labels": {"of": "the base"}},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(content) for content in plain]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _place(folder, json.dumps(config).encode(), CONFIG_TYPE),
        "layers": described,
    }
    entry = _place(folder, json.dumps(manifest).encode(), MANIFEST_TYPE)
    index = {"manifests": [{**entry, "annotations": {"org.opencontainers.image.ref.name": tag}}]}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, **index}))
    return folder


def as_oci_archive(layout: Path, file: Path) -> Path:
    with tarfile.open(file, "w") as tar:
        tar.add(layout, ".")
    return file


def as_docker_archive(layout: Path, file: Path) -> Path:
    """Write what ``docker save`` wrote before it knew OCI's layout: digests are in no name."""
    entry = json.loads((layout / "index.json").read_text())["manifests"][0]
    manifest = json.loads(_blob(layout, entry["digest"]))
    with tarfile.open(file, "w") as tar:
        names = [f"{position}/layer.tar" for position in range(len(manifest["layers"]))]
        for name, layer in zip(names, manifest["layers"], strict=True):
            _add(tar, name, _blob(layout, layer["digest"]))
        _add(tar, "config.json", _blob(layout, manifest["config"]["digest"]))
        saved = [{"Config": "config.json", "RepoTags": ["debian:base"], "Layers": names}]
        _add(tar, "manifest.json", json.dumps(saved).encode())
    return file


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _place(folder: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = digest_of(content)
    (folder / "blobs" / digest.replace(":", "/")).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}

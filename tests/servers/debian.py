"""A base image with a real Python: Debian's packages, by debootstrap, as an OCI layout in ``build/test-servers``.

``main`` only makes it. It takes half a minute the first time, and root.
"""

import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.servers.processes import Absent

SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = "python3-minimal,libpython3-stdlib"
TAG = "base"
PLACE = Path(__file__).parents[2] / "build" / "test-servers" / f"debian-{SUITE}"
TOOLS = ("debootstrap", "skopeo", "umoci", "unshare", "chroot")
MADE_S = 170  # less than a test may take
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def base_layout() -> Path:
    """Return the folder of the layout, made unless it is there. Raises Absent."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        raise Absent(f"containers are tested as root, and with {', '.join(missing or TOOLS)}: apt install them")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        raise Absent("containers are tested in namespaces of their own, and the kernel gives none")
    if not (PLACE / "index.json").exists():
        PLACE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PLACE.parent, prefix="debian-") as folder:
            root, layout = Path(folder) / "root", Path(folder) / "layout"
            _bootstrap(root)
            _pack(root, layout)
            shutil.rmtree(PLACE, ignore_errors=True)
            layout.rename(PLACE)
    return PLACE


def _bootstrap(root: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MADE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Absent(f"debootstrap did not end within {MADE_S} s") from error
    if done.returncode != 0:
        raise Absent(f"debootstrap failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _pack(root: Path, layout: Path) -> None:
    """Write the root's files as one gzip layer, as the images of distributions are, and a manifest over it."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    plain, packed = layout / "plain.tar", layout / "packed.tar.gz"
    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(root, ".", filter=lambda member: None if member.isdev() or "/var/cache/apt/" in member.name else member)
    with plain.open("rb") as source, gzip.GzipFile(packed, "wb", compresslevel=1, mtime=0) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    diff_id = _digest(plain)
    plain.unlink()
    layer = _place(layout, packed, "application/vnd.oci.image.layer.v1.tar+gzip")
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"], "Labels": {"of": "the base"}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "debootstrap"}],
    }
    described = _place(layout, _written(layout, config), "application/vnd.oci.image.config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": described, "layers": [layer]}
    entry = {
        **_place(layout, _written(layout, manifest), kind),
        "annotations": {"org.opencontainers.image.ref.name": TAG},
    }
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


def _written(layout: Path, document: object) -> Path:
    file = layout / "document"
    file.write_text(json.dumps(document))
    return file


def _place(layout: Path, file: Path, media_type: str) -> dict[str, object]:
    digest, size = _digest(file), file.stat().st_size
    file.rename(layout / "blobs" / digest.replace(":", "/"))
    return {"mediaType": media_type, "digest": digest, "size": size}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


if __name__ == "__main__":
    base_layout()

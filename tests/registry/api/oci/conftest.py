"""A repository as a client sees it, and images of ours to push into it."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from registry.core.imaging.images import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Manifest, Runtime
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes
from registry.operations.workspace import open_workspace
from tests.registry.conftest import serve

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Repository:
    """One repository over HTTP."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self.http = http
        self.name = name
        self.url = f"/v2/{name}"

    def blob(self, content: bytes, media_type: str = LAYER_TYPE) -> dict[str, Any]:
        """Push a blob and return its descriptor."""
        digest = digest_of(content)
        answer = self.http.post(f"{self.url}/blobs/uploads/", params={"digest": digest}, content=content)
        assert answer.status_code == 201, answer.text
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def put(self, reference: str, document: Any, media_type: str = MANIFEST_TYPE) -> httpx.Response:
        content = document if isinstance(document, bytes) else msgspec.json.encode(document)
        headers = {"content-type": media_type}
        return self.http.put(f"{self.url}/manifests/{reference}", content=content, headers=headers)

    def manifest(self, config: bytes = b"{}", *layers: bytes, **more: Any) -> bytes:
        """Push the parts of a manifest, and return its bytes."""
        return msgspec.json.encode(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": self.blob(config, CONFIG_TYPE),
                "layers": [self.blob(layer) for layer in layers],
                **more,
            }
        )

    def push(self, layout: ImageLayout, digest: str, reference: str) -> httpx.Response:
        """Push an image of a layout."""
        content = layout.path(digest).read_bytes()
        manifest = msgspec.json.decode(content, type=Manifest)
        for blob in (manifest.config, *manifest.layers):
            self.blob(layout.path(blob.digest).read_bytes())
        return self.put(reference, content)

    def tags(self, **query: Any) -> httpx.Response:
        return self.http.get(f"{self.url}/tags/list", params=query)


@pytest.fixture
def team(http: httpx.Client) -> Repository:
    """A repository of a registry that the test has for itself."""
    return Repository(http, "team/cancer")


@pytest.fixture(scope="module")
def shared_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("shared")
    workspace = open_workspace(f"sqlite:///{folder}/registry.db", "memory://")
    with serve(workspace, folder / "images") as url:
        yield url
    workspace.close()


@pytest.fixture
def mine(shared_url: str, request: pytest.FixtureRequest) -> Iterator[Repository]:
    """A repository that the test has for itself, of a registry that it shares."""
    with httpx.Client(base_url=shared_url) as http:
        yield Repository(http, f"team/{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}")


@pytest.fixture
def elsewhere(tmp_path: Path) -> ImageLayout:
    """The layout of another workspace."""
    return ImageLayout(tmp_path / "elsewhere")


BuildElsewhere = Callable[[str], str]


@pytest.fixture
def build_elsewhere(elsewhere: ImageLayout) -> BuildElsewhere:
    """Return a function that builds an image of ours in another workspace, with ``script`` in it, and its digest."""

    def build(script: str) -> str:
        inputs = BuildInputs(
            models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.onnx", ONNX),)),),
            runtime=Runtime.SCRIPT,
            code=(entry_of_bytes("score.py", f"def init(): ...\ndef run(data): return {script!r}\n".encode()),),
            scoring_script="score.py",
            lock=b"",
            python="3.11",
            architecture="amd64",
            scoring=(entry_of_bytes("__init__.py", b""),),
        )
        return build_image(elsewhere, inputs, lambda progress, line: None).digest

    return build

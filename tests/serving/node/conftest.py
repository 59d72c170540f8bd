"""A registry's pull half on a real port, and images in it whose scoring process is a few lines."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from registry.core.imaging.images import EMPTY, EMPTY_TYPE, MANIFEST_TYPE, Descriptor, Index, Manifest, Runtime
from registry.images.build import BuiltImage, build_image
from registry.images.inputs import BuildInputs, ModelInput, SampleInput
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"


class PullRegistry:
    """Serves the blobs of a layout, and what is ``attached`` to each digest.

    ``asked`` lists the paths; a blob in ``stalled`` stops half-way until it is out.
    """

    def __init__(self, layout: ImageLayout) -> None:
        self.layout = layout
        self.asked: list[str] = []
        self.attached: dict[str, list[Descriptor]] = {}
        self.stalled: set[str] = set()
        self.half_sent = threading.Event()
        self.resume = threading.Event()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        digest = request.path.rsplit("/", 1)[1].partition("?")[0]
        try:
            if "/referrers/" in request.path:
                content = msgspec.json.encode(Index(manifests=self.attached.get(digest, [])))
            else:
                content = self.layout.path(digest).read_bytes()
        except Exception:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        if digest in self.stalled:
            request.wfile.write(content[: len(content) // 2])
            request.wfile.flush()
            self.half_sent.set()
            self.resume.wait(30)
            return
        request.wfile.write(content)

    def attach(self, subject: str, artifact_type: str, payload: bytes) -> Descriptor:
        """Attach an artefact to a digest, and return what it is listed by."""
        layer, size = self.layout.write([payload])
        empty = Descriptor(media_type=EMPTY_TYPE, digest=self.layout.write([EMPTY])[0], size=len(EMPTY))
        artefact = Manifest(
            schema_version=2,
            media_type=MANIFEST_TYPE,
            artifact_type=artifact_type,
            config=empty,
            layers=[Descriptor(media_type=artifact_type, digest=layer, size=size)],
        )
        digest, size = self.layout.write([msgspec.json.encode(artefact)])
        descriptor = Descriptor(media_type=MANIFEST_TYPE, digest=digest, size=size, artifact_type=artifact_type)
        self.attached.setdefault(subject, []).append(descriptor)
        return descriptor

    def close(self) -> None:
        self.resume.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[PullRegistry]:
    serving = PullRegistry(ImageLayout(tmp_path / "registry"))
    yield serving
    serving.close()


ImageMaker = Callable[..., BuiltImage]


@pytest.fixture
def make_image(registry: PullRegistry) -> ImageMaker:
    """Build an image whose scoring process is ``main`` and whose lock is ``lock``."""

    def make(
        main: str = "",
        lock: bytes = b"",
        script: str | None = None,
        model: bytes = ONNX,
        samples: tuple[SampleInput, ...] = (),
    ) -> BuiltImage:
        inputs = BuildInputs(
            models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.onnx", model),)),),
            runtime=Runtime.ONNX if script is None else Runtime.SCRIPT,
            code=() if script is None else (entry_of_bytes("score.py", script.encode()),),
            scoring_script=None if script is None else "score.py",
            lock=lock,
            python="3.11",
            architecture="amd64",
            scoring=(entry_of_bytes("__init__.py", b""), entry_of_bytes("__main__.py", main.encode())),
            samples=samples,
        )
        return build_image(registry.layout, inputs, lambda progress, line: None)

    return make

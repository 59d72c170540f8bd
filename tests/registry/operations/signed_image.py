"""A real image in a layout, with samples and recorded answers: all that a signature is of."""

import msgspec

from registry.core.imaging.images import (
    EMPTY,
    IMAGE_LABEL,
    MANIFEST_TYPE,
    MODELS_PATH,
    Descriptor,
    Image,
    ImageKind,
    Manifest,
    Runtime,
)
from registry.core.imaging.samples import GOLDEN_TYPE, GoldenAnswers, Sample
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.pack import entry_of_bytes
from registry.operations.imaging.catalog import record_image
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.referrers import attach
from registry.operations.workspace import Workspace
from registry.store.imaging import manifests

NAME = "cancer"
SCRIPT = b"def init():\n    pass\n\n\ndef run(data):\n    return data\n"


def make_image(workspace: Workspace, works: ImageWorks, *, samples: bool = True) -> Image:
    """Build and record an image, unsigned."""
    inputs = BuildInputs(
        models=(ModelInput(NAME, 1, None, (entry_of_bytes("model.txt", b"a model"),)),),
        runtime=Runtime.SCRIPT,
        kind=ImageKind.SCORING,
        scoring_script="score.py",
        code=(entry_of_bytes("score.py", SCRIPT),),
        lock=b"",
        python=works.python,
        architecture=works.architecture,
        scoring=(entry_of_bytes("__main__.py", b""),),
    )
    built = build_image(works.layout, inputs, lambda progress, line: None)
    config, manifest = built.config, built.manifest
    if samples:
        config = msgspec.structs.replace(config, samples=[Sample(name="a", path=f"{MODELS_PATH}/a")])
        labels = {"config": {"Labels": {IMAGE_LABEL: msgspec.json.encode(config).decode()}}}
        digest, size = works.layout.write([msgspec.json.encode(labels)])
        described = msgspec.structs.replace(manifest.config, digest=digest, size=size)
        manifest = msgspec.structs.replace(manifest, config=described)
    digest, _ = works.layout.write([msgspec.json.encode(manifest)])
    image = record_image(
        workspace, name=NAME, digest=digest, config=config, layers=manifest.layers, size_bytes=built.size_bytes
    )
    if samples:
        attach(workspace, works, NAME, digest, GOLDEN_TYPE, msgspec.json.encode(GoldenAnswers(answers=[])))
    return image


def push_artefact(workspace: Workspace, works: ImageWorks, image: Image, kind: str, *payloads: bytes) -> str:
    """Attach to an image what this registry would not: any number of parts, and anything in them."""
    config, *parts = (_part(works, payload, kind) for payload in (EMPTY, *payloads))
    manifest = Manifest(schema_version=2, media_type=MANIFEST_TYPE, config=config, layers=parts)
    written = _part(works, msgspec.json.encode(manifest), MANIFEST_TYPE)
    listed = msgspec.structs.replace(written, artifact_type=kind)
    with workspace.metadata.write() as tx:
        manifests.insert(tx, image.name, listed.digest, MANIFEST_TYPE, 1)
        manifests.insert_referrer(tx, image.name, image.digest, listed)
    return listed.digest


def _part(works: ImageWorks, content: bytes, media_type: str) -> Descriptor:
    digest, size = works.layout.write([content])
    return Descriptor(media_type=media_type, digest=digest, size=size)


def flip(works: ImageWorks, digest: str) -> bytes:
    """Change the last byte of a blob where it is kept, and return what was there."""
    path = works.layout.path(digest)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    return good

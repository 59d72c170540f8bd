"""The recorded answers to an image's samples: attached to the image in the registry, and kept beside it on the node.

The newest that was attached when the image was first prepared here is kept, so that a replica needs no registry to
start again.
"""

import tempfile
from pathlib import Path

import msgspec

from registry.core.samples import GOLDEN_TYPE, GoldenAnswers
from serving.node.errors import ImageRefused
from serving.node.pull import Puller

KEPT = "golden.json"


def golden_answers(puller: Puller, name: str, digest: str, folder: Path) -> GoldenAnswers | None:
    """Return an image's recorded answers, kept in ``folder``, or None if none are attached to it. Blocks.

    Raises:
        PullFailed: they are not here, and the registry is away.
        ImageRefused: what is attached is not what it says it is.
    """
    kept = folder / KEPT
    if kept.exists():
        return _decode(kept.read_bytes(), digest)
    attached = puller.referrers(name, digest, GOLDEN_TYPE)
    if not attached:
        return None
    content = puller.attached(name, attached[-1])
    answers = _decode(content, attached[-1].digest)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as file:
        file.write(content)
    Path(file.name).rename(kept)
    return answers


def _decode(content: bytes, digest: str) -> GoldenAnswers:
    try:
        return msgspec.json.decode(content, type=GoldenAnswers)
    except msgspec.MsgspecError as error:
        raise ImageRefused(f"{digest} holds no recorded answers: {error}", digest) from error

"""The recorded answers to an image's samples: attached to the image in the registry, and kept beside it on the node.

The newest that was attached when the image was first prepared here is kept, so that a replica needs no registry to
start again. Its file is named by its digest: one that was changed since is no other's, and is asked for again.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from registry.core.imaging.samples import GOLDEN_TYPE, GoldenAnswers
from serving.node.errors import ImageRefused
from serving.node.keeping.pull import Puller

_KEPT = "golden-{}.json"


class Golden(NamedTuple):
    digest: str  # of the answers as they were attached
    answers: GoldenAnswers


def golden_answers(puller: Puller, name: str, digest: str, folder: Path) -> Golden | None:
    """Return an image's recorded answers, kept in ``folder``, or None if none are attached to it. Blocks.

    Raises:
        PullFailed: they are not here, and the registry is away.
        ImageRefused: what is attached is not what it says it is.
    """
    for file in folder.glob(_KEPT.format("*")):
        content = file.read_bytes()
        if file.name == _KEPT.format(hashlib.sha256(content).hexdigest()):
            return _golden(content, digest)
        file.unlink()
    attached = puller.referrers(name, digest, GOLDEN_TYPE)
    if not attached:
        return None
    content = puller.attached(name, attached[-1])
    golden = _golden(content, attached[-1].digest)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as kept:
        kept.write(content)
    Path(kept.name).rename(folder / _KEPT.format(golden.digest.removeprefix("sha256:")))
    return golden


def _golden(content: bytes, digest: str) -> Golden:
    try:
        answers = msgspec.json.decode(content, type=GoldenAnswers)
    except msgspec.MsgspecError as error:
        raise ImageRefused(f"{digest} holds no recorded answers: {error}", digest) from error
    return Golden(f"sha256:{hashlib.sha256(content).hexdigest()}", answers)

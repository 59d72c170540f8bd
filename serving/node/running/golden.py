"""The recorded answers to an image's samples: attached to the image in the registry, and kept beside it on the node.

They are kept so that a replica needs no registry to start again. A file is named by the digest of what is in it: one
that was changed since is no other's, and is asked for again. Anybody who may push can attach something, so what is no
answers, or not the wanted ones, is passed over.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from registry.core.errors import InvalidInput
from registry.core.imaging.samples import GOLDEN_TYPE, GoldenAnswers, read_golden
from serving.node.errors import ImageRefused, PullFailed
from serving.node.keeping.pull import Puller

_KEPT = "golden-{}.json"


def golden_answers(puller: Puller, name: str, digest: str, folder: Path, golden: str) -> GoldenAnswers:
    """Return an image's recorded answers by their digest, kept in ``folder``. Blocks.

    Raises:
        PullFailed: they are not here, and the registry is away.
        ImageRefused: they are not attached to the image, or damaged; the message names what cannot be read.
    """
    kept = folder / _KEPT.format(golden.removeprefix("sha256:"))
    if content := _kept(kept):
        return _read(content, golden)
    faults = []
    for artefact in reversed(puller.referrers(name, digest, GOLDEN_TYPE)):
        try:
            part = puller.part(name, artefact)
            if part.digest == golden:
                content = puller.document(name, part)
                answers = _read(content, golden)
                _keep(kept, content)
                return answers
        except (ImageRefused, PullFailed) as error:
            faults.append(error.message)
    raise ImageRefused("; ".join([f"the recorded answers {golden} cannot be had", *faults]), golden)


def newest_answers(puller: Puller, name: str, digest: str, folder: Path) -> GoldenAnswers | None:
    """Return recorded answers of an image that nobody trusted has signed: kept ones, else the newest that can be read,
    or None if there are none. Blocks.

    Raises:
        PullFailed: none are here, and the registry is away.
        ImageRefused: the registry's list of them is none.
    """
    for file in folder.glob(_KEPT.format("*")):
        if content := _kept(file):
            return _read(content, digest)
    for content in _attached(puller, name, digest):
        try:
            answers = _read(content, digest)
        except ImageRefused:
            continue
        _keep(folder / _KEPT.format(hashlib.sha256(content).hexdigest()), content)
        return answers
    return None


def _attached(puller: Puller, name: str, digest: str) -> Iterator[bytes]:
    for artefact in reversed(puller.referrers(name, digest, GOLDEN_TYPE)):
        try:
            yield puller.document(name, puller.part(name, artefact))
        except (ImageRefused, PullFailed):
            continue


def _kept(file: Path) -> bytes:
    """Return what was kept, or nothing if it was not, or was changed since."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return b""
    if file.name == _KEPT.format(hashlib.sha256(content).hexdigest()):
        return content
    file.unlink()
    return b""


def _keep(file: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix="new-", delete=False) as new:
        new.write(content)
    Path(new.name).rename(file)


def _read(content: bytes, digest: str) -> GoldenAnswers:
    try:
        return read_golden(content)
    except InvalidInput as error:
        raise ImageRefused(f"{digest}: {error.message}", digest) from error

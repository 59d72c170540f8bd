"""Whether an image may start by its signatures: verified at each start, kept beside the image on the node.

They are kept so that a replica needs no registry to start again, and asked for again when what is kept does not
suffice: somebody may have signed meanwhile. Whoever may push can attach something: each is judged by itself, and a bad
one stands in no good one's way.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from registry.core.imaging.images import ImageConfig
from registry.core.imaging.samples import GoldenAnswers
from registry.core.imaging.signatures import (
    MAX_SIGNATURE_BYTES,
    SIGNATURE_TYPE,
    Attached,
    SignaturePolicy,
    Trust,
    fault_of,
    signed_goldens,
)
from serving.node.errors import ImageRefused, PullFailed, SignatureRefused
from serving.node.keeping.pull import Puller
from serving.node.running.golden import golden_answers, newest_answers

KEPT = "signatures.json"


class ImageToStart(NamedTuple):
    """An image that is present in ``folder``, where what is attached to it is kept."""

    name: str
    digest: str
    config: ImageConfig
    folder: Path


def check_signature(
    puller: Puller, image: ImageToStart, trust: Trust, report: Callable[[str], None]
) -> GoldenAnswers | None:
    """Check an image's signatures as the policy says: refuse, warn by ``report``, or look away.

    Returns the recorded answers that its replica is to give: those that were signed, or without a signature that counts
    the newest; None if it has no samples, or no answers to them.

    Raises:
        SignatureRefused: nobody trusted has signed the image with its recorded answers, and that is required.
        PullFailed: the recorded answers are not here, and the registry is away.
    """
    if trust.policy is not SignaturePolicy.OFF:
        judged = _judge(puller, image, trust, _kept(image.folder / KEPT))
        if judged.fault:
            judged = _fetch(puller, image, trust)
        if not judged.fault:
            return judged.answers
        message = f"image {image.name}@{image.digest} has no signature that counts: {judged.fault}"
        if trust.policy is SignaturePolicy.REQUIRE:
            raise SignatureRefused(
                f"{message} (an owner can look, then: slipway image sign {image.name}@{image.digest})"
            )
        report(f"warning: {message}")
    return newest_answers(puller, image.name, image.digest, image.folder) if image.config.samples else None


class _Judged(NamedTuple):
    fault: str  # what is wrong with the signatures, or ""
    answers: GoldenAnswers | None = None


def _judge(puller: Puller, image: ImageToStart, trust: Trust, found: list[Attached]) -> _Judged:
    faults = []
    for golden in signed_goldens(image.digest, found, trust, _is_signed_by):
        if not golden:
            return _Judged("")
        if image.config.samples:
            try:
                return _Judged("", golden_answers(puller, image.name, image.digest, image.folder, golden))
            except ImageRefused as error:
                faults.append(error.message)
    return _Judged("; ".join(faults) or fault_of(image.digest, "", found, trust, _is_signed_by))


def _fetch(puller: Puller, image: ImageToStart, trust: Trust) -> _Judged:
    """Ask the registry for the signatures, and keep those that count if they suffice."""
    found, faults = [], []
    try:
        listed = puller.referrers(image.name, image.digest, SIGNATURE_TYPE)
    except (ImageRefused, PullFailed) as error:
        return _Judged(error.message)
    for one in listed:
        try:
            part = puller.part(image.name, one)
            content = puller.document(image.name, part) if part.size <= MAX_SIGNATURE_BYTES else b""
            found.append(Attached(one.digest, content))
        except (ImageRefused, PullFailed) as error:
            faults.append(error.message)
    judged = _judge(puller, image, trust, found)
    if judged.fault:
        return _Judged("; ".join([*faults, judged.fault]))
    counted = [one for one in found if signed_goldens(image.digest, [one], trust, _is_signed_by)]
    with tempfile.NamedTemporaryFile(dir=image.folder, prefix="new-", delete=False) as file:
        file.write(msgspec.json.encode(counted))
    Path(file.name).rename(image.folder / KEPT)
    return judged


def _kept(file: Path) -> list[Attached]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Attached])
    except (FileNotFoundError, msgspec.MsgspecError, ValueError, RecursionError):
        return []


def _is_signed_by(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True

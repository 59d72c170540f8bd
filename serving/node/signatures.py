"""Whether an image may start by its signatures: verified at each start, kept beside the image on the node.

They are kept so that a replica needs no registry to start again, and asked for again when what is kept does not
suffice: somebody may have signed meanwhile.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from registry.core.imaging.signatures import SIGNATURE_TYPE, Attached, SignaturePolicy, Trust, fault_of
from serving.node.errors import ImageRefused, PullFailed, SignatureRefused
from serving.node.keeping.pull import Puller

KEPT = "signatures.json"


def check_signature(
    puller: Puller, name: str, digest: str, golden: str, folder: Path, trust: Trust, report: Callable[[str], None]
) -> None:
    """Check an image's signatures, kept in ``folder``, as the policy says: refuse, warn by ``report``, or look away.

    ``golden`` is the digest of the recorded answers that the replica is to give, or "".

    Raises:
        SignatureRefused: nobody trusted has signed the image with its recorded answers, and that is required.
    """
    if trust.policy is SignaturePolicy.OFF:
        return
    if not fault_of(digest, golden, _kept(folder / KEPT), trust, _is_signed_by):
        return
    fault = _fetch(puller, name, digest, golden, folder, trust)
    if not fault:
        return
    message = f"image {name}@{digest} has no signature that counts: {fault}"
    if trust.policy is SignaturePolicy.REQUIRE:
        raise SignatureRefused(f"{message} (an owner can look, then: slipway image sign {name}@{digest})")
    report(f"warning: {message}")


def _fetch(puller: Puller, name: str, digest: str, golden: str, folder: Path, trust: Trust) -> str:
    """Ask the registry for the signatures, keep good ones, and return what is wrong with them, or ""."""
    try:
        listed = puller.referrers(name, digest, SIGNATURE_TYPE)
        found = [Attached(one.digest, puller.attached(name, one)) for one in listed]
    except (ImageRefused, PullFailed) as error:
        return error.message
    fault = fault_of(digest, golden, found, trust, _is_signed_by)
    if not fault:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as file:
            file.write(msgspec.json.encode(found))
        Path(file.name).rename(folder / KEPT)
    return fault


def _kept(file: Path) -> list[Attached]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Attached])
    except (FileNotFoundError, msgspec.MsgspecError):
        return []


def _is_signed_by(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True

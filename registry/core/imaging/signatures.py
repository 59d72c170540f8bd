"""Signatures of images: what is signed, which keys are trusted, and whether that is enough.

A signature is attached to its image (``operations/imaging/referrers.py``) and is of a statement, as canonical JSON,
that names the image and the recorded answers to its samples. The arithmetic of Ed25519 is the callers', as a ``Check``.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from registry.core.errors import InvalidInput

SIGNATURE_TYPE = "application/vnd.slipway.signature.v1+json"  # the artefact: a Signature as JSON
MAX_KEY_NAME = 128
MAX_SIGNATURE_BYTES = 64 << 10

_KEY_BYTES = 32
_SPKI = bytes.fromhex("302a300506032b6570032100")  # before the key in what `openssl pkey -pubout` writes
_KEY_ID = re.compile(r"ed25519-[0-9a-f]{16}\Z")

# Says whether a signature (third) of a message (second) is by a public key (first).
Check = Callable[[bytes, bytes, bytes], bool]


class SignaturePolicy(StrEnum):
    """What happens to a replica of an image whose signature is missing, foreign or wrong."""

    OFF = "off"  # nobody looks
    WARN = "warn"  # it starts, and the activity has a line
    REQUIRE = "require"  # it never starts


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``golden`` is the digest of the recorded answers, for an image that has samples and answers to them."""

    image: str
    golden: str = ""
    schema: int = 1


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    statement: str  # the very text that was signed
    key: str  # which key signed it, by its id
    signature: str  # base64


class TrustedKey(msgspec.Struct, frozen=True, kw_only=True):
    """``own`` keys are the workspace's, and the ``signing`` one signs now; others were added by ``who``."""

    id: str
    public_key: str  # base64
    name: str
    own: bool
    signing: bool
    created_ms: int
    who: str


class SigningKeys(msgspec.Struct, frozen=True, kw_only=True):
    policy: SignaturePolicy
    keys: list[TrustedKey]


class NewTrustedKey(msgspec.Struct, frozen=True, kw_only=True):
    public_key: str
    name: str


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    policy: SignaturePolicy


class ImageToSign(msgspec.Struct, frozen=True, kw_only=True):
    reference: str


class ImageToVerify(msgspec.Struct, frozen=True, kw_only=True):
    reference: str


class SignedImage(msgspec.Struct, frozen=True, kw_only=True):
    """``signature`` is the artefact's digest, ``key`` the id of the key that signed."""

    digest: str
    signature: str
    key: str


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is told: the policy, and public keys (base64) by their ids."""

    policy: SignaturePolicy = SignaturePolicy.WARN
    keys: dict[str, str] = {}


class Attached(NamedTuple):
    """A signature as it was found: the artefact's digest, and its content."""

    digest: str
    content: bytes


def statement_text(image: str, golden: str) -> str:
    """Return what is signed for an image, the same text wherever it is made."""
    return msgspec.json.encode(Statement(image=image, golden=golden), order="deterministic").decode()


def key_id(public_key: bytes) -> str:
    """Return the name of a public key, which tells it from every other."""
    return f"ed25519-{hashlib.sha256(public_key).hexdigest()[:16]}"


def check_key_id(text: str) -> str:
    """Return ``text`` if a key can have it as its id. Raises InvalidInput."""
    if not _KEY_ID.match(text):
        raise InvalidInput(f"{text[:64]!r} is no key's id: `slipway trust list` shows those there are", path="$.id")
    return text


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of an Ed25519 public key: base64 as `slipway trust list` shows it, or a PEM of OpenSSL's.

    Raises:
        InvalidInput: it is none.
    """
    lines = [line.strip() for line in text.strip().splitlines() if not line.startswith("-----")]
    try:
        content = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    content = content.removeprefix(_SPKI)
    if len(content) != _KEY_BYTES:
        raise InvalidInput("this is no Ed25519 public key: give its 32 bytes as base64, or as PEM", path="$.public_key")
    return content


def fault_of(image: str, golden: str, found: Iterable[Attached], trust: Trust, check: Check) -> str:
    """Return what is wrong with an image's signatures, or "" if one of them is by a trusted key and says the same."""
    faults = []
    for one in found:
        fault = _fault(image, golden, one.content, trust, check)
        if not fault:
            return ""
        faults.append(f"signature {one.digest} {fault}")
    return "; ".join(faults) or "it is not signed"


def signed_goldens(image: str, found: Sequence[Attached], trust: Trust, check: Check) -> list[str]:
    """Return the digests of recorded answers that signatures by trusted keys name for an image, from new to old; "" is
    of one that names none. ``found`` goes from old to new."""
    judged = [_judge(image, one.content, trust, check) for one in reversed(found)]
    return [one.golden for one in judged if not one.fault]


def read_signature(content: bytes) -> tuple[Signature, Statement]:
    """Return a signature and what it says it signs, neither of which is verified. Raises InvalidInput: it is none."""
    try:
        signature = msgspec.json.decode(content, type=Signature)
        return signature, msgspec.json.decode(signature.statement, type=Statement)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput("this is not what a signature looks like") from error


class _Judged(NamedTuple):
    golden: str  # the digest that it names
    fault: str


def _fault(image: str, golden: str, content: bytes, trust: Trust, check: Check) -> str:
    judged = _judge(image, content, trust, check)
    if judged.fault or judged.golden == golden:
        return judged.fault
    return f"is of other recorded answers: {judged.golden[:80] or 'none'}, where {golden or 'none'} are attached"


def _judge(image: str, content: bytes, trust: Trust, check: Check) -> _Judged:
    try:
        signature, statement = read_signature(content)
        made = base64.b64decode(signature.signature, validate=True)
    except (InvalidInput, ValueError):
        return _Judged("", "is not what a signature looks like")
    key = trust.keys.get(signature.key)
    if key is None:
        fault = f"is by {signature.key[:64]}, a key that this workspace does not trust"
    elif not check(base64.b64decode(key), signature.statement.encode(), made):
        fault = f"does not fit what it says {signature.key[:64]} has signed"
    elif statement.image != image:
        fault = f"is of another image, {statement.image[:80]}"
    else:
        fault = ""
    return _Judged(statement.golden, fault)

import base64

import msgspec
import pytest
from nacl.signing import SigningKey

from registry.core.errors import InvalidInput
from registry.core.imaging.signatures import (
    Attached,
    Signature,
    SignaturePolicy,
    Trust,
    fault_of,
    key_id,
    parse_public_key,
    statement_text,
)
from registry.operations.imaging.signing import is_signed_by

OURS, FOREIGN = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
IMAGE, OTHER, GOLDEN = (f"sha256:{digit * 64}" for digit in "abc")


def public(key: SigningKey) -> bytes:
    return bytes(key.verify_key)


TRUST = Trust(policy=SignaturePolicy.REQUIRE, keys={key_id(public(OURS)): base64.b64encode(public(OURS)).decode()})


def signed(image: str = IMAGE, golden: str = "", by: SigningKey = OURS, named: SigningKey | None = None) -> Attached:
    """A signature by a key, which says that it is by ``named``."""
    statement = statement_text(image, golden)
    made = base64.b64encode(by.sign(statement.encode()).signature).decode()
    signature = Signature(statement=statement, key=key_id(public(named or by)), signature=made)
    return Attached("sha256:5", msgspec.json.encode(signature))


def fault(*found: Attached, golden: str = "") -> str:
    return fault_of(IMAGE, golden, found, TRUST, is_signed_by)


def test_what_is_signed_is_a_text_that_is_the_same_everywhere() -> None:
    assert statement_text(IMAGE, "") == f'{{"image":"{IMAGE}"}}'
    assert statement_text(IMAGE, GOLDEN) == f'{{"image":"{IMAGE}","golden":"{GOLDEN}"}}'


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "it is not signed"),
        ([signed(by=FOREIGN)], f"is by {key_id(public(FOREIGN))}, a key that this workspace does not trust"),
        ([signed(by=FOREIGN, named=OURS)], "does not fit what it says"),
        ([signed(OTHER)], f"is of another image, {OTHER}"),
        ([signed(golden=GOLDEN)], f"is of other recorded answers: {GOLDEN}, where none are attached"),
        ([Attached("sha256:5", b"{}")], "is not what a signature looks like"),
        ([Attached("sha256:5", b"\xff")], "is not what a signature looks like"),
    ],
)
def test_a_signature_that_does_not_count_is_named_with_the_reason(found: list[Attached], said: str) -> None:
    assert said in fault(*found)
    if found:
        assert fault(*found).startswith("signature sha256:5 ")


def test_one_good_signature_among_others_is_enough() -> None:
    assert fault(signed(by=FOREIGN), signed(), Attached("sha256:6", b"")) == ""
    assert fault(signed(golden=GOLDEN), golden=GOLDEN) == ""
    assert "none, where sha256:c" in fault(signed(), golden=GOLDEN)


def test_every_byte_of_a_signature_counts() -> None:
    content = signed().content
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        assert fault(Attached("sha256:5", bytes(changed))) != "" or msgspec.json.decode(changed) == msgspec.json.decode(
            content
        ), position


def test_a_public_key_is_read_from_base64_and_from_pem() -> None:
    text = base64.b64encode(public(OURS)).decode()
    spki = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + public(OURS)).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"

    assert parse_public_key(f" {text}\n") == parse_public_key(pem) == public(OURS)


@pytest.mark.parametrize(
    "text", ["", "no key", base64.b64encode(b"1" * 31).decode(), base64.b64encode(b"1" * 33).decode()]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no Ed25519 public key"):
        parse_public_key(text)

"""RS256, held against the library that everybody else uses."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from registry.core.security.rs256 import PrivateKey, decode, encode, generate, public_pem, verify

MESSAGE = b"header.payload"


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return generate()


def test_another_library_verifies_what_is_signed_here(key: PrivateKey) -> None:
    public = load_pem_public_key(public_pem(key.public).encode())
    assert isinstance(public, rsa.RSAPublicKey)
    assert (public.key_size, public.public_numbers().e) == (2048, 65537)
    public.verify(key.sign(MESSAGE), MESSAGE, padding.PKCS1v15(), SHA256())


def test_what_another_library_signs_is_verified_here_and_is_the_same_here() -> None:
    theirs = rsa.generate_private_key(65537, 2048)
    numbers = theirs.private_numbers()
    ours = PrivateKey(n=f"{numbers.public_numbers.n:x}", d=f"{numbers.d:x}")
    signature = theirs.sign(MESSAGE, padding.PKCS1v15(), SHA256())
    assert verify(ours.public, MESSAGE, signature)
    assert ours.sign(MESSAGE) == signature


def test_a_changed_message_signature_or_key_is_refused(key: PrivateKey) -> None:
    signature = key.sign(MESSAGE)
    assert verify(key.public, MESSAGE, signature)
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    n = int(key.n, 16)
    longer = (int.from_bytes(signature, "big") + n).to_bytes(257, "big")[-256:]
    for wrong in (b"", flipped, signature[1:], signature + b"\0", b"\0" * 256, b"\xff" * 256, longer):
        assert not verify(key.public, MESSAGE, wrong)
    assert not verify(key.public, MESSAGE + b" ", signature)
    for public in ("", "?", "AQAB", encode(b"\0" * 256)):
        assert not verify(public, MESSAGE, signature)


def test_two_keys_are_two(key: PrivateKey) -> None:
    other = generate()
    assert other.n != key.n
    assert not verify(other.public, MESSAGE, key.sign(MESSAGE))


def test_what_is_no_modulus_has_no_pem() -> None:
    for public in ("", "AQAB", "?", encode(b"\x01" * 256)):
        with pytest.raises(ValueError, match="2048 bits"):
            public_pem(public)


def test_base64url_is_without_padding() -> None:
    for data in (b"", b"\xff", b"\xff\xfe", b"\xff\xfe\xfd"):
        assert encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        assert decode(encode(data)) == data
    assert [decode(text) for text in ("a b", "_w==", "_w=", "a")] == [None] * 4

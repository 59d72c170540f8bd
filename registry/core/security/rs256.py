"""RS256 (RFC 7518): RSASSA-PKCS1-v1_5 over SHA-256 with 2048-bit keys, as the edges' HAProxy verifies it.

In Python, since PyNaCl has no algorithm that HAProxy knows, and a package that has one takes 15 MB. What is secret is
one exponentiation, which is blinded, since its time depends on its base.
"""

import base64
import binascii
import hashlib
import secrets
import textwrap
from math import gcd

import msgspec

BITS = 2048
_BYTES = BITS // 8
_E = 65537
_ROUNDS = 40  # of Miller and Rabin: a composite passes with a probability below 4^-40
# DigestInfo of SHA-256 (RFC 8017, section 9.2), and AlgorithmIdentifier rsaEncryption.
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")
_SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


class PrivateKey(msgspec.Struct, frozen=True):
    """Modulus and private exponent, in hexadecimal."""

    n: str
    d: str

    @property
    def public(self) -> str:
        """The modulus as a JWK has it, in base64url: all that verifies."""
        return encode(int(self.n, 16).to_bytes(_BYTES, "big"))

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        n, d = int(self.n, 16), int(self.d, 16)
        while gcd(blind := secrets.randbelow(n - 2) + 2, n) != 1:
            continue
        blinded = pow(_padded(message) * pow(blind, _E, n) % n, d, n)
        return (blinded * pow(blind, -1, n) % n).to_bytes(_BYTES, "big")


def generate() -> PrivateKey:
    """Make a key; it takes about a second."""
    while True:
        p, q = _prime(BITS // 2), _prime(BITS // 2)
        order = (p - 1) * (q - 1)
        if p != q and gcd(_E, order) == 1:
            return PrivateKey(n=f"{p * q:x}", d=f"{pow(_E, -1, order):x}")


def verify(public: str, message: bytes, signature: bytes) -> bool:
    """Say whether a signature is that of a message by the key with this modulus."""
    n = int.from_bytes(decode(public) or b"", "big")
    value = int.from_bytes(signature, "big")
    return len(signature) == _BYTES and n.bit_length() == BITS and value < n and pow(value, _E, n) == _padded(message)


def public_pem(public: str) -> str:
    """Return the public key as OpenSSL reads it (SubjectPublicKeyInfo, RFC 5280). Raises ValueError if it is none."""
    modulus = decode(public)
    if modulus is None or len(modulus) != _BYTES or modulus[0] < 0x80:
        raise ValueError("not the modulus of a key of 2048 bits")
    numbers = _der(0x30, _der(0x02, b"\0" + modulus) + _der(0x02, _E.to_bytes(3, "big")))
    info = _der(0x30, _ALGORITHM + _der(0x03, b"\0" + numbers))
    lines = "\n".join(textwrap.wrap(base64.b64encode(info).decode(), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def encode(data: bytes) -> str:
    """Return base64url without padding, as JWTs are written."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """Return what ``encode`` was given; None if the text is none of its."""
    if "=" in text:
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def _padded(message: bytes) -> int:
    tail = b"\0" + _DIGEST_INFO + hashlib.sha256(message).digest()
    return int.from_bytes(b"\0\1" + b"\xff" * (_BYTES - 2 - len(tail)) + tail, "big")


def _prime(bits: int) -> int:
    while True:
        # The two highest bits are set, so that a product of two has all its bits.
        candidate = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if all(candidate % prime for prime in _SMALL_PRIMES) and _is_probably_prime(candidate):
            return candidate


def _is_probably_prime(n: int) -> bool:
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    for _ in range(_ROUNDS):
        x = pow(secrets.randbelow(n - 3) + 2, (n - 1) >> twos, n)
        if x in (1, n - 1):
            continue
        if not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content

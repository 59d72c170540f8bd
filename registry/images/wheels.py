"""The wheels of a lock, to be carried in the image: which ones uv says, and their bytes, checked against the lock.

Each is fetched when its layer is packed, and only then: a layer of the same wheels that was packed before is found by
their digests. What asks the index is imported then, too: httpx would be a sixth of the registry's start.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from registry.core.errors import BuildFailed
from registry.images.lock import PLATFORMS, run_uv
from registry.images.pack import Entry, read_chunks

_HASH = re.compile(rb"--hash=sha256:([0-9a-f]{64})")
_BY_ADDRESS = re.compile(rb"^(\S+) @ ", re.MULTILINE)


class _Hashes(msgspec.Struct):
    sha256: str


class _Wheel(msgspec.Struct):
    url: str
    hashes: _Hashes
    size: int | None = None


class _Package(msgspec.Struct):
    name: str
    wheels: list[_Wheel] = []


class _Pylock(msgspec.Struct):
    packages: list[_Package] = []


def wheels_of(lock: bytes, python: str, architecture: str) -> tuple[Entry, ...]:
    """List the wheels that a node of this kind installs for a lock.

    Raises:
        BuildFailed: a package is asked for by its address, uv does not find one that the lock names, or an index does
            not say how long one is.
    """
    if (by_address := _BY_ADDRESS.search(lock)) is not None:
        name = by_address[1].decode()
        raise BuildFailed(
            f"{name} is asked for by its address, where each node would fetch it: an image that carries its wheels "
            f"names it by its version, {name}==…, from an index or from UV_FIND_LINKS",
            package=name,
        )
    command = ["-", "--no-deps", "--no-build", "--no-header", "--format", "pylock.toml"]
    target = ["--python-version", python, "--python-platform", PLATFORMS[architecture]]
    done = run_uv(["pip", "compile", *command, *target], lock)
    if done.returncode != 0:
        raise BuildFailed(f"the wheels of the lock cannot be found: {done.stderr.decode(errors='replace').strip()}")
    packages = msgspec.convert(tomllib.loads(done.stdout.decode()), _Pylock).packages
    known = {match.decode() for match in _HASH.findall(lock)}
    return tuple(_entry(_wheel_of(package, known)) for package in packages)


def _wheel_of(package: _Package, known: set[str]) -> _Wheel:
    for wheel in package.wheels:
        if wheel.hashes.sha256 in known:
            return wheel
    raise BuildFailed(f"no index has the wheel of {package.name} that the lock names", package=package.name)


def _entry(wheel: _Wheel) -> Entry:
    name = unquote(urlsplit(wheel.url).path).rpartition("/")[2]
    size = _size_of(wheel, name)

    def read() -> Iterator[bytes]:
        hashed = hashlib.sha256()
        for chunk in _bytes_of(wheel.url, name):
            hashed.update(chunk)
            yield chunk
        if hashed.hexdigest() != wheel.hashes.sha256:
            raise BuildFailed(f"the wheel {name} arrived with other bytes than the lock names", wheel=name)

    return Entry(name, size, read, wheel.hashes.sha256)


def _size_of(wheel: _Wheel, name: str) -> int:
    if wheel.size is not None:
        return wheel.size
    if urlsplit(wheel.url).scheme == "file":
        return _local(wheel.url).stat().st_size
    from registry.images import wheel_index

    return wheel_index.size_of(wheel.url, name)


def _bytes_of(url: str, name: str) -> Iterator[bytes]:
    if urlsplit(url).scheme == "file":
        yield from read_chunks(_local(url))
        return
    from registry.images import wheel_index

    yield from wheel_index.bytes_of(url, name)


def _local(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))

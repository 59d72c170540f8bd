"""The wheels of a lock, to be carried in the image: which ones uv says, and their bytes, checked against the lock.

Each is fetched when its layer is packed, and only then: a layer of the same wheels that was packed before is found by
their digests.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from registry.core.errors import BuildFailed
from registry.images.lock import PLATFORMS, run_uv
from registry.images.pack import Entry, read_chunks

_TIMEOUT = httpx.Timeout(60.0)
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
    answer = _ask("HEAD", wheel.url, name)
    if "content-length" not in answer.headers:
        raise BuildFailed(f"the index does not say how long the wheel {name} is, so it cannot be carried", wheel=name)
    return int(answer.headers["content-length"])


def _bytes_of(url: str, name: str) -> Iterator[bytes]:
    if urlsplit(url).scheme == "file":
        yield from read_chunks(_local(url))
        return
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=True) as answer:
            _check(answer, name)
            yield from answer.iter_bytes(1 << 20)
    except httpx.HTTPError as error:
        raise _away(name, error) from error


def _ask(method: str, url: str, name: str) -> httpx.Response:
    try:
        answer = httpx.request(method, url, timeout=_TIMEOUT, follow_redirects=True)
    except httpx.HTTPError as error:
        raise _away(name, error) from error
    _check(answer, name)
    return answer


def _check(answer: httpx.Response, name: str) -> None:
    if answer.status_code in (401, 403):
        raise BuildFailed(
            f"{answer.url.host} wants credentials for the wheel {name}: an index of that kind can be resolved from, "
            "but not carried: put the wheels into a folder and give it as UV_FIND_LINKS",
            wheel=name,
        )
    if answer.status_code != 200:
        raise BuildFailed(f"{answer.url.host} answered {answer.status_code} for the wheel {name}", wheel=name)


def _away(name: str, error: httpx.HTTPError) -> BuildFailed:
    return BuildFailed(f"the wheel {name} could not be fetched: {str(error) or type(error).__name__}", wheel=name)


def _local(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))

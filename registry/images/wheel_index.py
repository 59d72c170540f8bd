"""Wheels from a package index: how long they are, and their bytes."""

from collections.abc import Iterator

import httpx

from registry.core.errors import BuildFailed

_TIMEOUT = httpx.Timeout(60.0)


def size_of(url: str, name: str) -> int:
    """Return the size of a wheel in bytes.

    Raises:
        BuildFailed: the index is away, wants credentials, or does not say.
    """
    try:
        answer = httpx.head(url, timeout=_TIMEOUT, follow_redirects=True)
    except httpx.HTTPError as error:
        raise _away(name, error) from error
    _check(answer, name)
    if "content-length" not in answer.headers:
        raise BuildFailed(f"the index does not say how long the wheel {name} is, so it cannot be carried", wheel=name)
    return int(answer.headers["content-length"])


def bytes_of(url: str, name: str) -> Iterator[bytes]:
    """Yield a wheel's bytes.

    Raises:
        BuildFailed: the index is away, wants credentials, or has no such wheel.
    """
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=True) as answer:
            _check(answer, name)
            yield from answer.iter_bytes(1 << 20)
    except httpx.HTTPError as error:
        raise _away(name, error) from error


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

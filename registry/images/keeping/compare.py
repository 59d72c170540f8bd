"""What differs between two images of one layout: packages, layers, and the files of layers that differ."""

import hashlib
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator

from registry.core.errors import InvalidInput
from registry.core.imaging.image_views import LayerDifference, differing
from registry.core.imaging.images import LAYER_ANNOTATION, LOCK_PATH, Descriptor, LayerKind
from registry.core.imaging.layers import plain_tar, read_lock
from registry.core.tar_headers import BoundedTar
from registry.images.keeping.layout import ImageLayout

_NO_LAYER = (tarfile.TarError, ValueError, EOFError, InvalidInput)
MAX_COMPARED_BYTES = 64 << 20  # of a layer; the files of a larger one are not read
_LOCKED = re.compile(r"(?P<name>[A-Za-z0-9][-_.A-Za-z0-9]*)\s*(?:==\s*(?P<version>[^\s;\\]+)|@\s*(?P<url>[^\s;\\]+))")


def packages_of(layout: ImageLayout, layers: list[Descriptor]) -> dict[str, str]:
    """Return package → version (or address) of an image's lock; empty where it has none.

    Raises:
        NotFound: a layer is not in the layout.
        InvalidInput: the lock cannot be read; the message names its layer.
    """
    for layer in layers:
        if layer.annotations.get(LAYER_ANNOTATION) != LayerKind.ENVIRONMENT:
            continue
        try:
            with layout.path(layer.digest).open("rb") as blob, BoundedTar(plain_tar(blob, layer)) as tar:
                for member in tar:
                    if member.name == LOCK_PATH:
                        return locked_packages(read_lock(tar, member))
        except _NO_LAYER as error:
            message = f"packages cannot be compared: layer {layer.digest}: {error}"
            raise InvalidInput(message, digest=layer.digest) from error
    return {}


def locked_packages(lock: str) -> dict[str, str]:
    """Return package → version (or address) of a lock file."""
    found = (_LOCKED.match(line) for line in lock.splitlines())
    return {match["name"]: match["version"] or match["url"] for match in found if match}


def layer_differences(layout: ImageLayout, a: list[Descriptor], b: list[Descriptor]) -> list[LayerDifference]:
    """Return the layers that only one of two images has, beside each other where they are of one kind.

    Raises:
        NotFound: a layer is not in the layout.
    """
    only_a, only_b = _missing_from(b, a), _missing_from(a, b)
    found = []
    for kind in sorted({*only_a, *only_b}, key=_rank):
        left, right = only_a.get(kind, []), only_b.get(kind, [])
        for position in range(max(len(left), len(right))):
            one = left[position] if position < len(left) else None
            other = right[position] if position < len(right) else None
            files = differing(_files(layout, one), _files(layout, other))
            found.append(LayerDifference(kind=kind, a=one, b=other, files=files))
    return found


def shared(a: list[Descriptor], b: list[Descriptor]) -> list[Descriptor]:
    """Return the layers of ``a`` that ``b`` has too."""
    digests = {layer.digest for layer in b}
    return [layer for layer in a if layer.digest in digests]


def _missing_from(others: list[Descriptor], layers: list[Descriptor]) -> dict[str, list[Descriptor]]:
    there = {layer.digest for layer in others}
    by_kind: dict[str, list[Descriptor]] = defaultdict(list)
    for layer in layers:
        if layer.digest not in there:
            by_kind[layer.annotations.get(LAYER_ANNOTATION, "layer")].append(layer)
    return by_kind


def _rank(kind: str) -> tuple[int, str]:
    order = [known.value for known in LayerKind]
    return (order.index(kind) if kind in order else len(order), kind)


def _files(layout: ImageLayout, layer: Descriptor | None) -> dict[str, str]:
    if layer is None or layer.size > MAX_COMPARED_BYTES:
        return {}
    try:
        return dict(_members(layout, layer))
    except _NO_LAYER:  # somebody else's
        return {}


def _members(layout: ImageLayout, layer: Descriptor) -> Iterator[tuple[str, str]]:
    with layout.path(layer.digest).open("rb") as blob, BoundedTar(plain_tar(blob, layer)) as tar:
        for member in tar:
            if member.isfile() and (content := tar.extractfile(member)) is not None:
                yield member.name, hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
            elif member.issym():
                yield member.name, f"-> {member.linkname}"

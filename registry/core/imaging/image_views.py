"""Images as people look for them, what their tags meant, and what differs between two of them."""

from collections.abc import Sequence

import msgspec

from registry.core.errors import InvalidInput
from registry.core.imaging.images import Descriptor, Image
from registry.core.names import DIGEST, check_name, parse_model_reference

MIN_DIGEST_DIGITS = 6


class ImageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which images to list; all that is given must hold.

    ``model`` is a name or ``NAME:VERSION``, ``digest`` a digest or its first six hexadecimal digits at least, ``label``
    is ``KEY`` or ``KEY=VALUE`` of the metadata tags.
    """

    name: str | None = None
    tag: str | None = None
    model: str | None = None
    digest: str | None = None
    label: str | None = None


class ImageTag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag, and the image that it is to mean."""

    reference: str
    tag: str


class ImageMove(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger: from ``at_ms`` on, the tag meant ``digest`` instead of ``before``; None is nothing."""

    tag: str
    digest: str | None
    before: str | None
    at_ms: int
    who: str = ""


class ImageHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The whole ledger from old to new, or the line of each tag that held at a time."""

    name: str
    moves: list[ImageMove]


class ImageChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an image can change: its description, and its labels, of which None takes one away."""

    labels: dict[str, str | None] = {}
    description: str | None = None


class PairToCompare(msgspec.Struct, frozen=True, kw_only=True):
    a: str
    b: str


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not the same; None where an image has it not. ``name`` may be a package or a field."""

    name: str
    a: str | None = None
    b: str | None = None


class LayerDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A layer of one image and what stands in its place in the other, with the files that make the difference."""

    kind: str
    a: Descriptor | None = None
    b: Descriptor | None = None
    files: list[Setting] = []  # path, and the content's digest on each side


class ImageDiff(msgspec.Struct, frozen=True, kw_only=True):
    """``a`` and ``b`` are digests. ``shared_bytes`` counts the layers that both have."""

    a: str
    b: str
    settings: list[Setting] = []
    packages: list[Setting] = []
    layers: list[LayerDifference] = []
    shared_layers: int = 0
    shared_bytes: int = 0


def check_query(query: ImageQuery) -> ImageQuery:
    """Return the query. Raises InvalidInput if a part of it can match nothing."""
    if query.name is not None:
        check_name("image", query.name)
    if query.tag is not None:
        check_name("tag", query.tag)
    if query.model is not None and ":" in query.model:
        parse_model_reference(query.model)
    if query.digest is not None and not _digits(query.digest):
        raise InvalidInput(
            f"{query.digest!r} is not the beginning of a digest: write {MIN_DIGEST_DIGITS} of its digits at least",
            value=query.digest,
        )
    return query


def matches(query: ImageQuery, image: Image) -> bool:
    """Say whether an image is among those that a checked query asks for."""
    return (
        query.name in (None, image.name)
        and (query.tag is None or query.tag in image.tags)
        and (query.digest is None or image.digest.removeprefix("sha256:").startswith(_digits(query.digest)))
        and (query.model is None or _holds(image, query.model))
        and (query.label is None or _labelled(image, query.label))
    )


class ExportedImage(msgspec.Struct, frozen=True, kw_only=True):
    """What ``slipway image export`` made: ``source`` is NAME@DIGEST of the image, ``digest`` the container image's."""

    source: str
    digest: str
    to: str


def held_at(moves: Sequence[ImageMove], at_ms: int) -> list[ImageMove]:
    """Return, of moves from old to new, the line of each tag that held at a time, by tag."""
    held = {move.tag: move for move in moves if move.at_ms <= at_ms}
    return [held[tag] for tag in sorted(held) if held[tag].digest is not None]


def differing(a: dict[str, str], b: dict[str, str]) -> list[Setting]:
    """Return what is not the same, by name."""
    return [Setting(name=name, a=a.get(name), b=b.get(name)) for name in sorted({*a, *b}) if a.get(name) != b.get(name)]


def _digits(digest: str) -> str:
    """Return the hexadecimal digits that a digest begins with; "" if it cannot be one's beginning."""
    digits = digest.removeprefix("sha256:").lower()
    long_enough = len(digits) >= MIN_DIGEST_DIGITS
    return digits if long_enough and DIGEST.match(f"sha256:{digits:0<64}") else ""


def _holds(image: Image, model: str) -> bool:
    if ":" not in model:
        return any(held.name == model for held in image.config.models)
    wanted = parse_model_reference(model)
    return any((held.name, held.version) == (wanted.name, wanted.version) for held in image.config.models)


def _labelled(image: Image, label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in image.labels and (not equals or image.labels[key] == value)

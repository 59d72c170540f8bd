"""Sample requests that an image carries, and the answers that its model gave them when the image was built.

Requests are part of the image. Answers are attached to it and no part of its digest: floats may differ in their last
bits from machine to machine.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path

GOLDEN_TYPE = "application/vnd.slipway.golden.v1+json"  # the artefact: GoldenAnswers as JSON
SAMPLES_PATH = "opt/slipway/samples"  # in the image: /<position>/<name>
BINARY = "application/octet-stream"  # JSON and then binary tensors, at the door of the Open Inference Protocol
MAX_SAMPLES = 16
MAX_SAMPLE_BYTES = 1 << 20
MAX_ANSWERS_BYTES = 2 << 20  # of all samples together; as base64 they fit in what can be attached

_CONTENT_TYPE = re.compile(r"[-+.\w]+/[-+.\w]+(; ?[-=+.\w]+)*\Z", re.ASCII)

NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Door(StrEnum):
    """``INFER`` is the Open Inference Protocol's, whatever name the model answers to."""

    SCORE = "/score"
    INVOCATIONS = "/invocations"
    INFER = "/infer"


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Floats agree when they differ by at most ``absolute`` + ``relative`` × what is expected."""

    relative: NotNegative = 1e-4
    absolute: NotNegative = 1e-6

    def __str__(self) -> str:
        return f"relative {self.relative:g}, absolute {self.absolute:g}"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the image carries at ``path``, below the image's root. ``name`` is its file's."""

    name: str
    path: str
    door: Door = Door.SCORE
    content_type: str = "application/json"
    tolerance: Tolerance = Tolerance()


class SampleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sample for an image that is to be built: ``digest`` names its uploaded body, ``name`` its file."""

    name: str
    digest: str
    door: Door = Door.SCORE
    content_type: str = "application/json"
    tolerance: Tolerance = Tolerance()


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer to a sample. ``json_bytes`` is the length of the JSON before binary tensors, if there are any."""

    sample: str  # its name
    status: int
    content_type: str
    body: bytes
    json_bytes: int | None = None


class GoldenAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to an image's samples, in their order."""

    schema: int = 1
    answers: list[Answer]


def read_golden(content: bytes) -> GoldenAnswers:
    """Read recorded answers as they are attached to an image. Raises InvalidInput: they are none."""
    try:
        return msgspec.json.decode(content, type=GoldenAnswers)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput(f"these are no recorded answers: {error}") from error


def check_samples(samples: Sequence[Sample | SampleRequest], path: str) -> None:
    """Raise InvalidInput unless an image may carry these samples; ``path`` leads to them."""
    if len(samples) > MAX_SAMPLES:
        raise InvalidInput(f"{path}: {len(samples)} samples are more than the {MAX_SAMPLES} of an image", path=path)
    for number, sample in enumerate(samples):
        here = f"{path}[{number}]"
        if "/" in check_archive_path(sample.name):
            raise InvalidInput(f"{here}.name: {sample.name!r} is no file's name", path=f"{here}.name")
        check_door(sample.door, sample.content_type, here)


def check_door(door: Door, content_type: str, path: str) -> None:
    """Raise InvalidInput unless a request of this content type may be sent to the door."""
    if not _CONTENT_TYPE.match(content_type):
        raise InvalidInput(f"{path}.content_type: {content_type!r} is no content type", path=f"{path}.content_type")
    if content_type == BINARY and door is not Door.INFER:
        raise InvalidInput(f"{path}.door: binary tensors go to {Door.INFER}, not to {door}", path=f"{path}.door")


class RehearsalOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal is asked: one line of JSON on its stdin, which stays open as long as somebody waits for it."""

    name: str
    digest: str  # of the manifest
    folders: list[str]  # where the image's blobs lie, by the hexadecimal part of their digests
    node: str  # the folder of a node, where image and environment are made present


class RehearsalNews(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rehearsal tells: lines of JSON on its stdout; the last one has ``error`` or ``golden``."""

    line: str = ""
    error: str = ""
    golden: GoldenAnswers | None = None

    @property
    def is_last(self) -> bool:
        return bool(self.error) or self.golden is not None

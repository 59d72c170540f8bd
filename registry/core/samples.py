"""Sample requests that an image carries, and the answers that its model gave them when the image was built.

Requests are part of the image. Answers are attached to it and no part of its digest: floats may differ in their last
bits from machine to machine.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

GOLDEN_TYPE = "application/vnd.slipway.golden.v1+json"  # the artefact: GoldenAnswers as JSON
SAMPLES_PATH = "opt/slipway/samples"  # in the image: /<position>/<name>
BINARY = "application/octet-stream"  # JSON and then binary tensors, at the door of the Open Inference Protocol
MAX_SAMPLES = 16
MAX_SAMPLE_BYTES = 1 << 20
MAX_ANSWERS_BYTES = 2 << 20  # of all samples together; as base64 they fit in what can be attached

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

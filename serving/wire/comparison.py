"""What became of one copy of a request: a line of JSON from a mirror process to telemetry, which makes rows of it.

A line is named by (``boot``, ``number``): the mirror process' life, and its count of lines, so that one sent twice is
stored once.
"""

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """What became of a copy. All but ``compared`` are counts of copies about which nothing is known."""

    COMPARED = "compared"
    REFUSED = "refused"  # the target had no room (429), now or a moment ago
    LATE = "late"  # it gave no answer in the request's time
    FAILED = "failed"  # no replica of it could be reached, or one broke off
    DROPPED = "dropped"  # never sent: too many were waiting


class Difference(StrEnum):
    """How an output differs for good; where numbers differ by little is for the reader's tolerance to say."""

    NONE = ""
    VALUE = "value"  # texts, or a number beside what is none
    SHAPE = "shape"
    DTYPE = "dtype"
    MISSING = "missing"  # one answer has this output and the other has not
    STATUS = "status"


class OutputPair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One output of both answers. Deltas are of its numbers; ``scaled`` is the greatest as a part of the primary's
    number, or as it is where that is under 1."""

    name: str
    difference: Difference = Difference.NONE
    elements: int = 0
    max_abs: float = 0.0
    mean_abs: float = 0.0
    scaled: float = 0.0


class Comparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``primary`` and ``target`` are revisions (endpoint.deployment.revision); the target's is unknown, and ends with
    its deployment, where no replica answered. ``count`` copies ended so; each that was compared has its own line."""

    boot: str
    number: int
    timestamp_ms: int
    endpoint: str
    primary: str
    target: str
    outcome: Outcome
    count: int = 1
    request_id: str = ""
    operation_id: str = ""
    door: str = ""
    primary_status: int = -1
    target_status: int = -1
    took_ms: float = -1.0
    outputs: list[OutputPair] = []

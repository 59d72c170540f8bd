"""What a walk over everything that is stored can find wrong."""

from enum import StrEnum

import msgspec


class FaultKind(StrEnum):
    """``missing``: the metadata names a blob that is not there; ``damaged``: a blob's bytes are not those of its name;
    ``orphan``: nothing refers to a blob; ``leftover``: an upload that never became whole."""

    MISSING = "missing"
    DAMAGED = "damaged"
    ORPHAN = "orphan"
    LEFTOVER = "leftover"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """``where`` lists the files that are concerned; of an orphan there are none."""

    kind: FaultKind
    blob: str
    size: int
    where: list[str] = []


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    blobs: int
    bytes: int
    images: int
    faults: list[Fault]

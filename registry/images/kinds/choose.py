"""From a kind's name to what it does."""

from typing import assert_never

from registry.core.images import ImageKind
from registry.images.kinds.base import Kind
from registry.images.kinds.scoring import ScoringKind


def kind_of(name: ImageKind) -> Kind:
    match name:
        case ImageKind.SCORING:
            return ScoringKind()
        case _:
            assert_never(name)

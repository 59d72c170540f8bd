"""From what is asked for to the kind that makes it."""

from typing import assert_never

from registry.core.containers import ContainerSettings
from registry.core.images import BuildRequest, ImageKind
from registry.images.kinds.base import Kind
from registry.images.kinds.docker import DockerKind
from registry.images.kinds.scoring import ScoringKind


def kind_of(request: BuildRequest) -> Kind:
    match request.kind:
        case ImageKind.SCORING:
            return ScoringKind()
        case ImageKind.DOCKER:
            return DockerKind(request.docker or ContainerSettings())
        case _:
            assert_never(request.kind)

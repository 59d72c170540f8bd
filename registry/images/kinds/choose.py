"""From what is asked for to the kind that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import BuildRequest, ImageKind
from registry.images.kinds.accelerated import AcceleratedKind, Calibration
from registry.images.kinds.base import Kind
from registry.images.kinds.docker import DockerKind
from registry.images.kinds.scoring import ScoringKind
from registry.images.quantise import Quantiser


@dataclass(frozen=True)
class Bench:
    """What the making of one image may use; ``calibration`` is there if its kind wants it."""

    quantiser: Quantiser
    calibration: Calibration | None
    work: Path
    report: Callable[[str], None]


def kind_of(request: BuildRequest, bench: Bench) -> Kind:
    match request.kind:
        case ImageKind.SCORING:
            return ScoringKind()
        case ImageKind.DOCKER:
            return DockerKind(request.docker or ContainerSettings())
        case ImageKind.ACCELERATED:
            assert request.acceleration is not None
            assert bench.calibration is not None
            return AcceleratedKind(request.acceleration, bench.calibration, bench.quantiser, bench.work, bench.report)
        case _:
            assert_never(request.kind)

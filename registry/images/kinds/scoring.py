"""The default kind: our layers and nothing else, for a scoring process on any node."""

from typing import Any

from registry.images.inputs import BuildInputs
from registry.images.kinds.base import Stacked
from registry.images.layout import ImageLayout
from registry.images.stage import Stage


class ScoringKind:
    def prepare(self, inputs: BuildInputs) -> BuildInputs:
        return inputs

    def base(self, _inputs: BuildInputs, _layout: ImageLayout, _stage: Stage) -> list[Stacked]:
        return []

    def container(self, _inputs: BuildInputs, settings: dict[str, Any]) -> dict[str, Any]:
        return settings

"""The default kind: our layers and nothing else, for a scoring process on any node."""

from registry.images.inputs import BuildInputs


class ScoringKind:
    def prepare(self, inputs: BuildInputs) -> BuildInputs:
        return inputs

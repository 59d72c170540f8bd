"""A scoring image that also says how it runs as a container: the base is stacked below it when it is exported.

A base in the image would be pulled by every node, which has no use for it, and would be wherever the builder had it.
"""

from dataclasses import dataclass, replace

from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import ImageKind
from registry.images.inputs import BuildInputs


@dataclass(frozen=True)
class DockerKind:
    settings: ContainerSettings

    def prepare(self, inputs: BuildInputs) -> BuildInputs:
        return replace(inputs, kind=ImageKind.DOCKER, docker=self.settings)

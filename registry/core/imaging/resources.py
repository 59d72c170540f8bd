"""What one instance of an image may use, as image.yaml says it: ``resources: {cpu: 2, memory: 1.5Gi}``."""

from typing import Annotated

import msgspec

from registry.core.sizes import size_bytes

_LEAST = "64Mi"  # the scoring process itself needs as much


class Resources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``cpu`` is how many CPUs an instance has, for its workers and their threads; a process that holds more than
    ``memory`` is ended and another started: each worker may hold as much."""

    cpu: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    memory: str | None = None

    @property
    def memory_bytes(self) -> int | None:
        """The bytes that ``memory`` stands for. Raises InvalidInput if it stands for none."""
        if self.memory is None:
            return None
        return size_bytes(self.memory, "$.resources.memory", _LEAST)

    def threads(self, workers: int = 1) -> dict[str, str]:
        """Return the variables that say how many threads onnxruntime and numerical libraries take in one worker."""
        names = ("SLIPWAY_ONNX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return {} if self.cpu is None else {name: str(max(1, self.cpu // workers)) for name in names}


def check_resources(resources: Resources) -> None:
    """Raise InvalidInput if ``memory`` is no size."""
    _ = resources.memory_bytes

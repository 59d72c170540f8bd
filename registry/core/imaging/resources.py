"""What one instance of an image may use, as image.yaml says it: ``resources: {cpu: 2, memory: 1.5Gi}``."""

import re
from typing import Annotated

import msgspec

from registry.core.errors import InvalidInput

_MEMORY = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,3})?)(?P<unit>Mi|Gi|M|G)\Z")
_UNITS = {"Mi": 1 << 20, "Gi": 1 << 30, "M": 10**6, "G": 10**9}
_LEAST_BYTES = 64 << 20  # the scoring process itself needs as much


class Resources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``cpu`` is how many threads onnxruntime and the numerical libraries take, unless the deployment's environment
    variables say otherwise; a process that holds more than ``memory`` is ended and another started."""

    cpu: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    memory: str | None = None

    @property
    def memory_bytes(self) -> int | None:
        """The bytes that ``memory`` stands for. Raises InvalidInput if it stands for none."""
        if self.memory is None:
            return None
        found = _MEMORY.match(self.memory)
        size_bytes = int(float(found["number"]) * _UNITS[found["unit"]]) if found else 0
        if size_bytes < _LEAST_BYTES:
            raise InvalidInput(
                f"$.resources.memory: {self.memory!r} is no size from 64Mi on: write 512Mi or 1.5Gi",
                path="$.resources.memory",
            )
        return size_bytes

    @property
    def threads(self) -> dict[str, str]:
        """Variables that tell onnxruntime and the numerical libraries how many threads to take."""
        names = ("SLIPWAY_ONNX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return {} if self.cpu is None else {name: str(self.cpu) for name in names}


def check_resources(resources: Resources) -> None:
    """Raise InvalidInput if ``memory`` is no size."""
    _ = resources.memory_bytes

"""The one model of this process as the protocol speaks of it, whatever carries it: its names, and what may be done."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NoReturn, Sequence

from ..dataplane import DataPlane
from ..errors import InvalidInput, NotFound, Unsupported
from ..tensors import TensorSpec
from .fixed_settings import refuse_contents
from .model_config import model_config
from .model_statistics import model_statistics


class ServedModel:
    """``name`` is the endpoint's, ``version`` the model version's; ``is_ready`` is false once draining has begun."""

    def __init__(self, plane: DataPlane, name: str, version: str, is_ready: Callable[[], bool]) -> None:
        self.plane = plane
        self.name = name
        self.version = version
        self.is_ready = is_ready

    def is_ours(self, name: str, version: str) -> bool:
        """Say whether this model is meant; names are compared without regard to case, and no version is any."""
        return name.lower() == self.name.lower() and version in ("", self.version)

    def check(self, name: str, version: str) -> None:
        """Raise NotFound unless this model is meant, and InvalidInput for a version that is no number."""
        if name.lower() != self.name.lower():
            raise unknown_model(name)
        if version not in ("", self.version):
            if not version.isdecimal():
                raise InvalidInput(f"a model's version is a number, not '{version}'")
            raise NotFound(f"Request for unknown model: '{name}' version {version} is not found")

    def metadata(self) -> Dict[str, Any]:
        signature = self.plane.runtime.signature
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": self.plane.runtime.platform,
            "inputs": _described(signature.inputs if signature else ()),
            "outputs": _described(signature.outputs if signature else ()),
        }

    def config(self) -> Dict[str, Any]:
        return model_config(self.name, self.version, self.plane.runtime)

    def statistics(self) -> Dict[str, Any]:
        return model_statistics(self.name, self.version, self.plane.statistics, self.plane.last_inference_ms())

    def index(self, only_ready: bool) -> List[Dict[str, str]]:
        """List the repository: the one model, unless only ready ones are asked for and it is draining."""
        ready = self.is_ready()
        if only_ready and not ready:
            return []
        state, reason = ("READY", "") if ready else ("UNAVAILABLE", "the process is draining")
        return [{"name": self.name, "version": self.version, "state": state, "reason": reason}]

    def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Do nothing for the model that is here: it was loaded before the process listened.

        Raises:
            NotFound: it is another.
            Unsupported: it is to be loaded with other files or another configuration than its image's.
        """
        if name.lower() != self.name.lower():
            raise NotFound(
                f"failed to load '{name}', no such model is here: this process serves '{self.name}' only;"
                " `slipway deployment create` serves another"
            )
        refuse_contents(name, parameters)

    def unload(self, name: str) -> NoReturn:
        """Refuse.

        Raises:
            NotFound: the model is another.
            Unsupported: it is this one, which lives as long as its process.
        """
        if name.lower() != self.name.lower():
            raise unknown_model(name)
        raise Unsupported(
            f"failed to unload '{name}': its process serves nothing else; `slipway deployment delete` ends it"
        )


def unknown_model(name: str) -> NotFound:
    """Word it as Triton does; clients look for the words."""
    return NotFound(f"Request for unknown model: '{name}' is not found")


def _described(specs: Sequence[TensorSpec]) -> List[Dict[str, Any]]:
    return [{"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)} for spec in specs]

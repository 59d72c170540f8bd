"""What the protocol's server says of itself, at a scoring process and at an edge alike."""

from __future__ import annotations

from typing import Any, Dict

from ..protocol import VERSION

SERVER_NAME = "slipway"
EXTENSIONS = [
    "classification",
    "model_repository",
    "model_configuration",
    "binary_tensor_data",
    "parameters",
    "statistics",
]


def server_metadata() -> Dict[str, Any]:
    return {"name": SERVER_NAME, "version": VERSION, "extensions": EXTENSIONS}

"""The image's description as the unpacker wrote it, read with a record of our own."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import msgspec

from .errors import LoadFailed
from .runtimes.providers import Acceleration

SCHEMA = 1
DESCRIPTION = "image.json"
CODE_PATH = "var/azureml-app"
MODELS_PATH = "var/azureml-app/azureml-models"


class ModelInImage(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: int
    path: str  # below the image's root


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """``runtime`` is "onnx", "script" or "mlflow"; ``scoring_script`` lies below ``CODE_PATH``."""

    schema: int
    runtime: str
    models: List[ModelInImage]
    scoring_script: Optional[str] = None
    acceleration: Optional[Acceleration] = None

    @property
    def model_dir(self) -> str:
        """AZUREML_MODEL_DIR: the model's folder, or of several models the one above all."""
        return self.models[0].path if len(self.models) == 1 else MODELS_PATH


def read_image(root: Path) -> Image:
    """Read ``image.json`` of an unpacked image.

    Raises:
        LoadFailed: it is missing, malformed or of a schema this process does not know.
    """
    path = root / DESCRIPTION
    try:
        image = msgspec.json.decode(path.read_bytes(), type=Image)
    except (OSError, msgspec.MsgspecError) as error:
        raise LoadFailed(f"cannot read the image's description {path}: {error}") from error
    if image.schema != SCHEMA:
        raise LoadFailed(f"{path} has schema {image.schema}; this scoring process knows {SCHEMA}")
    if not image.models:
        raise LoadFailed(f"{path} names no model")
    return image

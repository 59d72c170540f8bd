"""The folder ``score_scripts``: scripts in the style of Azure ML's documentation, each as an app to be served."""

import shutil
from pathlib import Path
from typing import Any

import joblib

from tests.serving.scoring.models import write_image

SCRIPTS = Path(__file__).parent / "score_scripts"
MODEL = {"weights": [1.0, 2.0, -4.0], "bias": 0.5}


def write_app(folder: Path, name: str) -> Path:
    """Copy a script into a folder as ``score.py``, with a model beside it, for Azure ML's own server."""
    folder.mkdir(exist_ok=True, parents=True)
    shutil.copy(SCRIPTS / name, folder / "score.py")
    joblib.dump(MODEL, folder / "model.joblib")
    return folder / "score.py"


def write_script_image(root: Path, name: str, **more: Any) -> Path:
    """Lay out an image of a script and the same model."""
    write_image(root, script=(SCRIPTS / name).read_text(), **more)
    joblib.dump(MODEL, root / "var/azureml-app/azureml-models/linear/7/model.joblib")
    return root

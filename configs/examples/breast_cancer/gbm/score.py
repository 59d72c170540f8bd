"""Azure ML's contract: ``init()`` once, ``run(data)`` for each request."""

import json
import os
from pathlib import Path

import joblib
import numpy as np

model = None


def init():
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "model.joblib")


def run(data):
    rows = np.array(json.loads(data)["data"])
    return model.predict_proba(rows).tolist()

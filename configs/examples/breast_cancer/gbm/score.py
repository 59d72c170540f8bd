"""Azure ML's contract: ``init()`` once, ``run(data)`` for each request."""

import json
import os
from pathlib import Path

import joblib
import numpy as np

NAMES = ("data", "inputs", "instances")  # of /score, /invocations and KServe's clients
model = None


def init():
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "model.joblib")


def run(data):
    body = json.loads(data)
    rows = next(body[name] for name in NAMES if name in body)
    return model.predict_proba(np.array(rows)).tolist()

"""The model of the benchmark: a logistic regression on scikit-learn's breast-cancer data, as ONNX."""

import json
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(path: Path) -> bytes:
    """Write the model to ``path``; return the body of a ``/score`` request with one row of 30 numbers."""
    features, target = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, target)
    exported = to_onnx(model, features[:1].astype(np.float32), options={"zipmap": False}, target_opset=18)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(select_model_inputs_outputs(exported, "probabilities").SerializeToString())
    return json.dumps({"data": features[:1].tolist()}).encode()

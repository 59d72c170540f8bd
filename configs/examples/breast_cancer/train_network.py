"""Train a small neural network on the breast-cancer data and export it to ONNX.

Usage: python train_network.py TRACKING_URL
"""

import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LAYERS = (64, 32)

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("breast-cancer")

features, target = load_breast_cancer(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(features, target, test_size=0.25, random_state=7)

with mlflow.start_run(run_name="network") as run, tempfile.TemporaryDirectory() as folder:
    mlflow.log_params({"layers": LAYERS, "scaler": "standard", "test_size": 0.25})
    model = make_pipeline(StandardScaler(), MLPClassifier(LAYERS, max_iter=500, random_state=7)).fit(train_x, train_y)
    mlflow.log_metric("accuracy", model.score(test_x, test_y))

    exported = to_onnx(model, test_x[:1].astype(np.float32), options={"zipmap": False}, target_opset=18)
    path = Path(folder) / "model.onnx"
    path.write_bytes(exported.SerializeToString())
    mlflow.log_artifact(str(path), "model")

print(run.info.run_id)

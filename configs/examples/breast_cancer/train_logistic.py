"""Train a logistic regression on the breast-cancer data and export it to ONNX.

Usage: python train_logistic.py TRACKING_URL
"""

import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from skl2onnx import to_onnx
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

C = 0.5

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("breast-cancer")

features, target = load_breast_cancer(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(features, target, test_size=0.25, random_state=7)

with mlflow.start_run(run_name="logistic-regression") as run, tempfile.TemporaryDirectory() as folder:
    mlflow.log_params({"C": C, "scaler": "standard", "test_size": 0.25})
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000)).fit(train_x, train_y)
    mlflow.log_metric("accuracy", model.score(test_x, test_y))

    exported = to_onnx(model, test_x[:1].astype(np.float32), options={"zipmap": False}, target_opset=18)
    path = Path(folder) / "model.onnx"
    path.write_bytes(select_model_inputs_outputs(exported, "probabilities").SerializeToString())
    mlflow.log_artifact(str(path), "model")
    mlflow.log_dict({"rows": test_x.tolist(), "predictions": model.predict_proba(test_x).tolist()}, "holdout.json")

print(run.info.run_id)

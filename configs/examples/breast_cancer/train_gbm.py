"""Train a gradient-boosting model on the breast-cancer data and save it with joblib.

Usage: python train_gbm.py TRACKING_URL
"""

import sys
import tempfile
from pathlib import Path

import joblib
import mlflow
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

STAGES = 40

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("breast-cancer")

features, target = load_breast_cancer(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(features, target, test_size=0.25, random_state=7)

with mlflow.start_run(run_name="gradient-boosting") as run, tempfile.TemporaryDirectory() as folder:
    mlflow.log_param("n_estimators", STAGES)
    mlflow.set_tag("scikit-learn", sklearn.__version__)
    model = GradientBoostingClassifier(n_estimators=STAGES, random_state=7).fit(train_x, train_y)
    for stage, probabilities in enumerate(model.staged_predict_proba(test_x)):
        mlflow.log_metric("accuracy", float((probabilities.argmax(axis=1) == test_y).mean()), step=stage)

    path = Path(folder) / "model.joblib"
    joblib.dump(model, path)
    mlflow.log_artifact(str(path), "model")
    mlflow.log_dict({"rows": test_x.tolist(), "predictions": model.predict_proba(test_x).tolist()}, "holdout.json")

print(run.info.run_id)

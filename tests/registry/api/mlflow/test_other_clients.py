"""The oldest client that is spoken to, and one between: each in an environment of its own, as on a user's machine.

The newest is that of all other tests here. Each minor version from 3.12 to 3.17 did this work once.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

UV = str(Path(sys.executable).with_name("uv"))

SCRIPT = """
import json, sys, tempfile, pathlib
import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("trees")

class Double(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[float]) -> list[float]:
        return [2 * value for value in model_input]

with mlflow.start_run(run_name="one", tags={"team": "blue"}) as run:
    mlflow.log_params({"lr": 0.1, "depth": 3})
    for step in range(3):
        mlflow.log_metric("acc", 0.5 + step / 10, step=step)
    mlflow.log_text("hello", "notes/hello.txt")
    info = mlflow.pyfunc.log_model(name="model", python_model=Double(), registered_model_name="double")

client = MlflowClient()
client.set_registered_model_alias("double", "champion", 1)
found = mlflow.search_runs(
    experiment_names=["trees"], filter_string="metrics.acc > 0.6 and params.lr = '0.1'", output_format="list"
)
loaded = mlflow.pyfunc.load_model("models:/double@champion")
print(json.dumps({
    "version": mlflow.__version__,
    "runs": [one.info.run_id == run.info.run_id for one in found],
    "history": [point.value for point in client.get_metric_history(run.info.run_id, "acc")],
    "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
    "text": mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt"),
    "prediction": loaded.predict([1.0, 2.0]),
    "versions": [str(one.version) for one in client.search_model_versions("name = 'double'")],
    "models": len(mlflow.search_logged_models(output_format="list")),
}))
"""


@pytest.mark.parametrize("each_database", ["sqlite"], indirect=True)  # the wire is the same
@pytest.mark.parametrize("version", ["3.12.0", "3.15.2"])
def test_a_client_of_another_version_does_its_whole_work(url: str, tmp_path: Path, version: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    packages = [f"--with=mlflow-skinny=={version}", "--with=pandas", "--with=numpy"]
    command = [UV, "run", "--no-project", "--isolated", "--quiet", "--python", sys.executable, *packages]
    done = subprocess.run(
        [*command, "python", str(script), url], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "version": version,
        "runs": [True],
        "history": [0.5, 0.6, 0.7],
        "files": ["notes"],
        "text": "hello",
        "prediction": [2.0, 4.0],
        "versions": ["1"],
        "models": 1,
    }

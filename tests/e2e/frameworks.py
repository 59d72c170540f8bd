"""Models of the usual frameworks: trained in the curated environment that serves them, and a script for each."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import uv

from registry.images.environments.curated import find_curated

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ROWS = [[0.0, 0.0], [1.0, 1.0], [0.2, 0.9]]

_DATA = """
import sys
import numpy as np
x = np.random.default_rng(7).random((200, 2), dtype=np.float32)
y = (x.sum(axis=1) > 1).astype(np.float32)
rows = np.array({rows}, dtype=np.float32)
"""


@dataclass(frozen=True)
class Framework:
    """``train`` writes the model's file and leaves its answers to ROWS in ``answers``."""

    environment: str
    file: str
    train: str
    script: str


SKLEARN = Framework(
    "sklearn@latest",
    "model.joblib",
    """
import joblib
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit(x, y)
joblib.dump(model, sys.argv[1])
answers = model.predict_proba(rows)[:, 1]
""",
    """
import json, os, joblib
def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "model.joblib"))
def run(data):
    return model.predict_proba(json.loads(data)["data"])[:, 1].tolist()
""",
)

XGBOOST = Framework(
    "xgboost@latest",
    "model.ubj",
    """
import xgboost
model = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x, y), num_boost_round=5)
model.save_model(sys.argv[1])
answers = model.predict(xgboost.DMatrix(rows))
""",
    """
import json, os, numpy, xgboost
def init():
    global model
    model = xgboost.Booster(model_file=os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "model.ubj"))
def run(data):
    return model.predict(xgboost.DMatrix(numpy.array(json.loads(data)["data"]))).tolist()
""",
)

PYTORCH = Framework(
    "pytorch@latest",
    "model.pt",
    """
import torch
torch.manual_seed(7)
model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1), torch.nn.Sigmoid())
torch.save(model.state_dict(), sys.argv[1])
answers = model(torch.from_numpy(rows)).detach().numpy().ravel()
""",
    """
import json, os, torch
def init():
    global model
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1), torch.nn.Sigmoid())
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "model.pt")
    model.load_state_dict(torch.load(path, weights_only=True))
def run(data):
    with torch.no_grad():
        return model(torch.tensor(json.loads(data)["data"])).ravel().tolist()
""",
)


def train(framework: Framework, file: Path, variables: dict[str, str]) -> list[float]:
    """Write the framework's model to ``file`` and return what it answers to ROWS."""
    pins = file.with_suffix(".txt")
    pins.write_text("\n".join(find_curated(framework.environment).pins))
    command = [uv.find_uv_bin(), "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable]
    program = _DATA.format(rows=ROWS) + framework.train + "import json\nprint(json.dumps([float(a) for a in answers]))"
    done = subprocess.run(
        [*command, "--with-requirements", str(pins), "python", "-c", program, str(file)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [float(answer) for answer in json.loads(done.stdout)]


def folder_of_cpu_torch() -> str | None:
    """Return where pip's settings would find PyTorch for processors, for this Python; uv reads none of them."""
    show = [sys.executable, "-m", "pip", "config", "list"]
    settings = subprocess.run(show, capture_output=True, text=True, check=False).stdout
    wheel = f"torch-*+cpu-cp{PYTHON.replace('.', '')}-*.whl"
    for line in settings.splitlines():
        name, _, value = line.partition("=")
        if name.endswith("find-links"):
            for folder in value.strip("'\"").split():
                if list(Path(folder).glob(wheel)):
                    return folder
    return None

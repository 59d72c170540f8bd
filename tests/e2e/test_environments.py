"""Images with environments of their own, side by side in one cluster."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.frameworks import PYTHON, PYTORCH, ROWS, SKLEARN, XGBOOST, Framework, folder_of_cpu_torch, train
from tests.e2e.town import Town

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

VERSIONS = """
import numpy, sklearn

def init():
    pass

def run(data):
    return [numpy.__version__, sklearn.__version__]
"""


def score(town: Town, deployment: str, data: Any) -> Any:
    with town.client() as client:
        headers = {"azureml-model-deployment": deployment}
        answer = client.post("/endpoints/town/score", json={"data": data}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_contradicting_dependencies_serve_side_by_side(town: Town) -> None:
    if PYTHON == "3.13":
        pytest.skip("NOT TESTED: numpy 1.26 has no wheels for Python 3.13")
    for name, lines in {
        "old": ["numpy==1.26.*", "scikit-learn==1.4.*"],
        "new": ["numpy>=2", "scikit-learn>=1.6"],
    }.items():
        (town.folder / f"{name}.txt").write_text("\n".join(lines))
        town.build(f"town-{name}", "azureml:town:1", VERSIONS, environment={"requirements": f"{name}.txt"})
        town.deploy(name, f"town-{name}")

    old, new = score(town, "old", [[1]]), score(town, "new", [[1]])
    assert (old[0].rpartition(".")[0], old[1].rpartition(".")[0]) == ("1.26", "1.4")
    assert int(new[0].split(".")[0]) >= 2
    assert [int(part) for part in new[1].split(".")[:2]] >= [1, 6]
    assert score(town, "old", [[1]]) == old
    for name in ("old", "new"):
        town.slipway("deployment", "delete", f"town/{name}")


@pytest.mark.parametrize("framework", [SKLEARN, XGBOOST, PYTORCH], ids=["sklearn", "xgboost", "pytorch"])
def test_a_model_is_scored_in_the_curated_environment_it_was_trained_in(
    town: Town, tmp_path: Path, framework: Framework
) -> None:
    if framework is PYTORCH and folder_of_cpu_torch() is None and "UV_TORCH_BACKEND" not in os.environ:
        pytest.skip(
            "NOT TESTED: pip's find-links has no build of PyTorch for processors, and UV_TORCH_BACKEND is not set"
        )
    name = framework.environment.partition("@")[0]
    expected = train(framework, tmp_path / framework.file, town.environment)
    model = town.log_model(tmp_path / framework.file)
    environment = {"name": framework.environment, "python_version": PYTHON}
    town.build(f"town-{name}", model, framework.script, environment=environment)
    town.deploy(name, f"town-{name}")

    assert score(town, name, ROWS) == pytest.approx(expected, abs=1e-6)
    town.slipway("deployment", "delete", f"town/{name}")

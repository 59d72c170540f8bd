"""The examples of README's clients, as they stand there, against an edge."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract_scoring.images import IMAGES, Image
from tests.serving.clients.places import Place
from tests.serving.edge.tables import KEY

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's, while it saves models

README = Path(__file__).parents[2] / "README.md"
ONNX = IMAGES[0]


def example(language: str, place: Place) -> str:
    """Return the section's only block, with this edge's ports, and this suite's model for the demo's."""
    section = README.read_text().partition("### Clients\n")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)
    assert place.edge is not None
    text = re.sub(r"\bcancer\b", ONNX.name, str(block)).replace('"X"', '"x"')
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{place.edge.http_port}").replace("127.0.0.1:8001", place.grpc)


def run(command: list[str], folder: Path) -> str:
    rows = folder / "configs/examples/breast_cancer/rows.json"
    rows.parent.mkdir(parents=True)
    rows.write_text(json.dumps({"data": [[1, 2, 3], [0.25, -8, 0.5]]}))
    environment = {**os.environ, "SLIPWAY_KEY": KEY}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_lines(through_edge: Callable[[Image], Place], tmp_path: Path) -> None:
    answers = run(["bash", "-ec", example("sh", through_edge(ONNX))], tmp_path)
    predictions = '{"predictions":[[-6.5],[-17.25]]}'
    assert answers.replace("\r", "") == "[[-6.5],[-17.25]]" + predictions + "-6.5\n-17.25\n" + predictions


def test_the_python_clients(through_edge: Callable[[Image], Place], tmp_path: Path) -> None:
    answers = run([sys.executable, "-c", example("python", through_edge(ONNX))], tmp_path)
    assert "[[-6.5], [-17.25]]" in answers
    assert answers.count("'model_name': 'onnx'") == 1
    assert answers.count('model_name: "onnx"') == 1

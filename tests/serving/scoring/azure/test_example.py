"""The example of configs/ that declares a schema, served as it stands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

EXAMPLES = Path(__file__).parents[4] / "configs" / "examples" / "breast_cancer"


def test_the_example_with_a_schema_answers_alike_at_every_door(
    make_ask: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = json.loads((EXAMPLES / "rows.json").read_bytes())["data"]
    model = LogisticRegression().fit(np.vstack([np.zeros([2, 30]), np.ones([2, 30])]), [0, 0, 1, 1])
    (tmp_path / "model").mkdir()
    joblib.dump(model, tmp_path / "model" / "model.joblib")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    ask = make_ask(script=(EXAMPLES / "schema" / "score.py").read_text())
    answer = ask("POST", "/score", {"data": rows}, content_type="application/json")
    expected = model.predict_proba(np.array(rows))
    assert np.allclose(json.loads(answer.body), expected)
    flat = [value for row in rows for value in row]
    tensor = {"name": "data", "datatype": "FP64", "shape": [len(rows), 30], "data": flat}
    output = json.loads(ask("POST", "/v2/models/linear/infer", {"inputs": [tensor]}).body)["outputs"][0]
    assert np.allclose(output["data"], expected.ravel())

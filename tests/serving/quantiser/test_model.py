from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from serving.quantiser.model import quantise
from serving.quantiser.rows import Refused, Rows


def test_a_model_of_another_domains_operators_only_is_told_as_that(tmp_path: Path) -> None:
    node = helper.make_node("Scaler", ["X"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[1.0])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("X", "y")]
    graph = helper.make_graph([node], "scaler", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3)])
    onnx.save(model, str(tmp_path / "model.onnx"))
    rows = Rows({"X": np.zeros((5, 1), np.float32)}, None)
    with pytest.raises(Refused, match="nothing in the model can be quantised: it is made of Scaler, and"):
        quantise(tmp_path / "model.onnx", tmp_path / "quantised.onnx", rows, 64, tmp_path)

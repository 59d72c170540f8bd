"""Static int8 quantisation: QDQ, weights by channel, the same bytes for the same model and rows.

Types are completed by running the model: where shape inference does not know an operator (scikit-learn's scalers, for
example), the quantiser would otherwise leave everything behind it as it was, and say nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .rows import Array, InputSpec, Refused, Rows

BATCH = 64
_QUANTISED = ("QuantizeLinear", "DequantizeLinear")
_BY_CHANNEL_OPSET = 13
_ONNX = ("", "ai.onnx")  # the domain of what can be quantised
_DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(int32)": "int32"}


def session_of(path: Path) -> ort.InferenceSession:
    """Load a model on one thread of the CPU, so that sums are always made in one order. Raises Refused."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Refused(f"onnxruntime cannot load {path.name}: {str(error).splitlines()[0]}") from error


def input_specs(session: ort.InferenceSession) -> list[InputSpec]:
    """Describe the inputs. Raises Refused for one that is not numbers."""
    specs = []
    for node in session.get_inputs():
        if node.type not in _DTYPES:
            raise Refused(f"input {node.name!r} is a {node.type}: only models of numbers can be quantised")
        shape = tuple(size if isinstance(size, int) else None for size in node.shape)
        specs.append(InputSpec(node.name, _DTYPES[node.type], shape))
    return specs


def external_files(path: Path) -> list[str]:
    """List the files beside a model that hold its weights."""
    tensors = onnx.load(str(path), load_external_data=False).graph.initializer
    return sorted({entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"})


def batch_size(specs: list[InputSpec]) -> int:
    """Return how many rows go in at once. Raises Refused for a model that takes another fixed number than one."""
    fixed = next((spec.shape[0] for spec in specs if spec.shape and spec.shape[0] is not None), BATCH)
    if fixed not in (1, BATCH):
        raise Refused(f"the model takes {fixed} rows at once: export it with a first dimension that is free, or 1")
    return fixed


def quantise(model: Path, quantised: Path, rows: Rows, size: int, scratch: Path) -> list[str]:
    """Write the quantised model and return the operators that were quantised.

    Raises:
        Refused: nothing in it can be, or the tools cannot take it.
    """
    _check_domain(onnx.load(str(model), load_external_data=False))
    logging.disable(logging.WARNING)  # advice that was followed
    prepared = scratch / "prepared.onnx"
    try:
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        graph = _complete(onnx.load(str(prepared)), next(rows.batches(size)), scratch / "all.onnx")
        opset = next((one.version for one in graph.opset_import if one.domain in _ONNX), 0)
        quantize_static(
            graph,
            str(quantised),
            _Reader(rows, size),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            per_channel=opset >= _BY_CHANNEL_OPSET,
            calibrate_method=CalibrationMethod.MinMax,
        )
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"onnxruntime cannot quantise the model: {type(error).__name__}: {error}") from error
    finally:
        logging.disable(logging.NOTSET)
    return _quantised_operators(onnx.load(str(quantised)).graph, graph.graph)


def _check_domain(model: Any) -> None:
    """Refuse a model of other domains' operators only, such as scikit-learn's trees: the tools fail on it obscurely."""
    if not any(one.domain in _ONNX for one in model.opset_import):
        raise _nothing_in(model.graph)


def _complete(model: Any, feed: dict[str, Array], scratch: Path) -> Any:
    """Add the types of the values that shape inference did not find."""
    graph = model.graph
    typed = {value.name for value in (*graph.value_info, *graph.output, *graph.input)}
    missing = [name for node in graph.node for name in node.output if name and name not in typed]
    if not missing:
        return model
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
    onnx.save(whole, str(scratch))
    session = session_of(scratch)
    values = session.run(missing, feed)
    for name, value in zip(missing, values, strict=True):
        if getattr(value, "dtype", None) is not None and value.dtype.kind in "fiub":
            kind = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
            graph.value_info.append(onnx.helper.make_tensor_value_info(name, kind, [None] * value.ndim))
    return model


def _quantised_operators(graph: Any, before: Any) -> list[str]:
    """List the kinds of operators that take their weights or inputs through a DequantizeLinear."""
    dequantised = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    found = {node.op_type for node in graph.node if dequantised.intersection(node.input)} - set(_QUANTISED)
    if not found:
        raise _nothing_in(before)
    return sorted(found)


def _nothing_in(graph: Any) -> Refused:
    kinds = ", ".join(sorted({node.op_type for node in graph.node}))
    return Refused(
        f"nothing in the model can be quantised: it is made of {kinds}, and onnxruntime quantises MatMul, Gemm, "
        "Conv and their like"
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime publishes no types
    def __init__(self, rows: Rows, size: int) -> None:
        self._batches = rows.batches(size)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._batches, None)

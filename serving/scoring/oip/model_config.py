"""A model's configuration in the form of Triton's ModelConfig: as JSON over HTTP, as the message over gRPC."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from ..runtimes.base import Runtime, StreamLike, provider_of
from ..tensors import TensorSpec

ANY_BATCH = 2**31 - 1  # no number of items is refused; how many a request may hold is bounded by its bytes


def model_config(name: str, version: str, runtime: Runtime) -> Dict[str, Any]:
    """Render the configuration. ``dims`` are without the batch's dimension where ``max_batch_size`` is not 0."""
    signature, provider = runtime.signature, provider_of(runtime)
    batched = signature is not None and signature.batched
    on_cpu = provider in ("", "CPUExecutionProvider")
    return {
        "name": name,
        "platform": runtime.platform,
        "backend": runtime.platform.partition("_")[0],
        "version_policy": {"specific": {"versions": [int(version)]}},
        "max_batch_size": ANY_BATCH if batched else 0,
        "input": [_input(spec, batched) for spec in (signature.inputs if signature else ())],
        "output": [_output(spec, batched) for spec in (signature.outputs if signature else ())],
        "instance_group": [
            {"name": name, "kind": "KIND_CPU" if on_cpu else "KIND_AUTO", "count": runtime.threads, "gpus": []}
        ],
        "parameters": {"execution_provider": {"string_value": provider}} if provider else {},
        "model_transaction_policy": {"decoupled": isinstance(runtime, StreamLike) and runtime.decoupled},
    }


def _input(spec: TensorSpec, batched: bool) -> Dict[str, Any]:
    return {
        "name": spec.name,
        "data_type": _data_type(spec),
        "format": "FORMAT_NONE",
        "dims": _dims(spec.shape, batched),
        "is_shape_tensor": False,
        "allow_ragged_batch": False,
        "optional": not spec.required,
        "is_non_linear_format_io": False,
    }


def _output(spec: TensorSpec, batched: bool) -> Dict[str, Any]:
    return {
        "name": spec.name,
        "data_type": _data_type(spec),
        "dims": _dims(spec.shape, batched),
        "label_filename": "",
        "is_shape_tensor": False,
        "is_non_linear_format_io": False,
    }


def _data_type(spec: TensorSpec) -> str:
    return "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"


def _dims(shape: Sequence[int], batched: bool) -> Sequence[int]:
    return list(shape[1:] if batched else shape)

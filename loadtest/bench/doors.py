"""The other doors of the workspace that is measured: the same row, as each protocol's client sends it."""

import json
import struct
from collections.abc import Mapping

from loadtest.bench.client import Request
from loadtest.bench.grpc_client import GrpcRequest
from loadtest.bench.subject import Subject
from loadtest.bench.workspace import ENDPOINT

INPUT = "X"  # as skl2onnx names it


def doors_of(slipway: Subject, grpc_port: int) -> list[Subject]:
    """Return a subject for each door but ``/score``, all of the same processes."""
    score = slipway.request
    assert isinstance(score, Request)
    row = json.loads(score.body)["data"][0]
    base = f"/endpoints/{ENDPOINT}"
    infer = f"/v2/models/{ENDPOINT}/infer"
    head, raw = _binary(row)
    grpc = GrpcRequest(score.host, grpc_port, _message(row, raw), {"authorization": score.headers["authorization"]})
    requests: dict[str, Request | GrpcRequest] = {
        "invocations": _changed(score, f"{base}/invocations", _json(inputs=[row])),
        "v1": _changed(score, f"{base}/v1/models/{ENDPOINT}:predict", _json(instances=[row])),
        "v2": _changed(score, infer, _json(inputs=[_tensor(row, data=row)])),
        "binary": _changed(score, infer, head + raw, {"inference-header-content-length": str(len(head))}),
        "grpc": grpc,
    }
    return [slipway._replace(case=case, request=request) for case, request in requests.items()]


def _changed(score: Request, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Request:
    return score._replace(path=path, body=body, headers={**score.headers, **(headers or {})})


def _json(**members: object) -> bytes:
    return json.dumps(members).encode()


def _tensor(row: list[float], **more: object) -> dict[str, object]:
    return {"name": INPUT, "shape": [1, len(row)], "datatype": "FP32", **more}


def _binary(row: list[float]) -> tuple[bytes, bytes]:
    raw = struct.pack(f"<{len(row)}f", *row)
    tensor = _tensor(row, parameters={"binary_data_size": len(raw)})
    return _json(inputs=[tensor], parameters={"binary_data_output": True}), raw


def _message(row: list[float], raw: bytes) -> bytes:
    """Return a ModelInferRequest as tritonclient makes it."""
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name=ENDPOINT, raw_input_contents=[raw])
    request.inputs.add(name=INPUT, datatype="FP32", shape=[1, len(row)])
    return bytes(request.SerializeToString())

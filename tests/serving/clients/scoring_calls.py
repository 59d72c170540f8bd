"""One call that scores, as bytes."""

import struct

from tritonclient.grpc import service_pb2

INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


def good() -> bytes:
    """A request that the linear model answers with -6.5."""
    request = service_pb2.ModelInferRequest(model_name="linear", raw_input_contents=[struct.pack("<3f", 1, 2, 3)])
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    return bytes(request.SerializeToString())

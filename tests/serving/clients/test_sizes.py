"""gRPC messages of the size that is configured, both ways, compressed and not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
from onnx import TensorProto
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from tests.serving.clients.places import PLACES, Place
from tests.serving.scoring.models import identity_model

LIMIT = 64 << 20
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


@pytest.fixture(scope="module", params=list(PLACES))
def echoing_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    model = identity_model({"x": TensorProto.FLOAT})
    with PLACES[request.param](tmp_path_factory.mktemp("echo"), model=model) as place:
        yield place


@pytest.fixture
def client(echoing_at: Place) -> Iterator[Any]:
    with tritonclient.grpc.InferenceServerClient(echoing_at.grpc) as client:
        yield client


def ask(client: Any, place: Place, array: Any, **options: Any) -> Any:
    tensor = tritonclient.grpc.InferInput("x", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array)
    return client.infer("linear", [tensor], headers=place.headers, **options).as_numpy("x_out")


def test_64_mb_pass_both_ways(client: Any, echoing_at: Place) -> None:
    array = np.arange((LIMIT - 4096) // 4, dtype=np.float32)
    assert np.array_equal(ask(client, echoing_at, array), array)


def test_more_is_refused_with_its_size(client: Any, echoing_at: Place) -> None:
    with pytest.raises(InferenceServerException) as raised:
        ask(client, echoing_at, np.zeros(LIMIT // 4, dtype=np.float32))
    assert raised.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    assert str(LIMIT) in raised.value.message()
    assert ask(client, echoing_at, np.ones(1, dtype=np.float32)).tolist() == [1.0]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_messages_score_and_bombs_are_refused(client: Any, echoing_at: Place, algorithm: str) -> None:
    array = np.arange(50_000, dtype=np.float32)
    assert np.array_equal(ask(client, echoing_at, array, compression_algorithm=algorithm), array)
    peak = memory_peak(echoing_at)
    with pytest.raises(InferenceServerException) as raised:
        ask(client, echoing_at, np.zeros(100 << 20, dtype=np.float32), compression_algorithm=algorithm)
    assert raised.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    assert memory_peak(echoing_at) < peak + 3 * LIMIT


def memory_peak(place: Place) -> int:
    text = Path(f"/proc/{place.process.child.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) << 10


def test_a_stream_takes_large_and_compressed_messages(echoing_at: Place) -> None:
    array = np.arange(3_000_000, dtype=np.float32)
    message = service_pb2.ModelInferRequest(model_name="linear", raw_input_contents=[array.tobytes()])
    message.inputs.add(name="x", datatype="FP32", shape=array.shape)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(echoing_at.grpc, options=options) as channel:
        for compression, count in ((grpc.Compression.NoCompression, 6), (grpc.Compression.Gzip, 2)):
            answers = channel.stream_stream(
                STREAM, service_pb2.ModelInferRequest.SerializeToString, service_pb2.ModelStreamInferResponse.FromString
            )(iter([message] * count), metadata=echoing_at.metadata, compression=compression, timeout=60)
            assert [a.infer_response.raw_output_contents[0] == array.tobytes() for a in answers] == [True] * count

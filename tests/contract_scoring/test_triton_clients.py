"""What tritonclient asks and is told, besides numbers."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.contract_scoring.images import IMAGES, VERSION, Image
from tests.serving.clients.places import Place

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's, while it saves models
ONNX = IMAGES[0]


@pytest.fixture(params=[tritonclient.http, tritonclient.grpc], ids=["http", "grpc"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def headers(place_of: Callable[[Image], Place]) -> dict[str, str]:
    return dict(place_of(ONNX).headers)


@pytest.fixture
def client(kind: Any, place_of: Callable[[Image], Place]) -> Iterator[Any]:
    place = place_of(ONNX)
    address = place.http.removeprefix("http://") if kind is tritonclient.http else place.grpc
    with kind.InferenceServerClient(address) as one:
        yield one


def test_a_live_ready_described_model_is_seen(kind: Any, client: Any, headers: dict[str, str]) -> None:
    assert client.is_model_ready("onnx", headers=headers)
    assert client.is_model_ready("onnx", VERSION, headers=headers)
    assert not says_ready(client, "onnx", "8", headers)
    assert not says_ready(client, "other", "", headers)
    options = {"as_json": True} if kind is tritonclient.grpc else {}
    metadata = client.get_model_metadata("onnx", headers=headers, **options)
    shape = [int(size) for size in metadata["inputs"][0]["shape"]]
    assert (metadata["inputs"][0]["name"], metadata["inputs"][0]["datatype"], shape) == ("x", "FP32", [-1, 3])


def says_ready(client: Any, name: str, version: str, headers: dict[str, str]) -> bool:
    """A scoring process says over gRPC that what it has not is not ready; an edge, that it does not exist."""
    try:
        return bool(client.is_model_ready(name, version, headers=headers))
    except InferenceServerException as error:
        assert error.status() == "StatusCode.NOT_FOUND"
        return False


@pytest.mark.parametrize(
    ("message", "model", "name", "shape"),
    [
        ("Request for unknown model: 'other' is not found", "other", "x", [1, 3]),
        ("unknown input 'z': the model has 'x'", "onnx", "z", [1, 3]),
        ("input 'x': expected shape [-1, 3], got [1, 4]", "onnx", "x", [1, 4]),
    ],
)
def test_what_is_wrong_is_told(
    kind: Any, client: Any, headers: dict[str, str], message: str, model: str, name: str, shape: list[int]
) -> None:
    tensor = kind.InferInput(name, shape, "FP32")
    tensor.set_data_from_numpy(np.zeros(shape, dtype=np.float32))
    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, [tensor], headers=headers)
    assert raised.value.message().startswith(message)

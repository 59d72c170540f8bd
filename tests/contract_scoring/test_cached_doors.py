"""With a response cache every door gives the same numbers, and the second time without running the model."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import tritonclient.grpc

from serving.scoring.oip.grpc_messages import message_classes
from tests.contract_scoring.doors import DOORS
from tests.contract_scoring.images import IMAGES, Image, Kind
from tests.contract_scoring.questions import Question
from tests.contract_scoring.test_every_door import assert_same
from tests.serving.clients.places import NAME, PLACES, Place, at_port

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's, while it saves models

CACHE = ("--cache-max-bytes", "1000000")
DRAWN = {"oip_stream", "generate", "generate_stream"}  # there a script may give many answers: none is remembered


@pytest.fixture(params=IMAGES, ids=[image.name for image in IMAGES])
def remembering(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Image, Place]]:
    image: Image = request.param
    with at_port(tmp_path, "--serve-as", image.name, *CACHE, **image.parts(tmp_path)) as place:
        yield image, place


def executed(place: Place) -> int:
    count: int = httpx.get(f"{place.http}/-/status", trust_env=False).json()["executed"]
    return count


def test_a_question_is_answered_from_memory_at_every_door(remembering: tuple[Image, Place]) -> None:
    image, place = remembering
    is_script = image.kind in (Kind.SCRIPT, Kind.SCHEMA)
    for question in image.questions:
        runs = []
        for door in (door for door in DOORS if door.takes(image, question)):
            before = executed(place)
            for _ in range(2):
                assert_same(question, door.ask(place, image, question))
            after = executed(place)
            if not (is_script and door.name in DRAWN):
                runs.append(after - before)
        assert max(runs, default=0) <= 1
        if image.kind is Kind.ONNX:
            assert sum(runs) == 1, "one entry for all doors"


@pytest.mark.parametrize("at", PLACES)
def test_an_answer_says_whether_it_comes_from_memory(at: str, tmp_path: Path) -> None:
    image, question = IMAGES[0], IMAGES[0].questions[0]
    with PLACES[at](tmp_path, *CACHE, **image.parts(tmp_path)) as place:
        assert [score(place, question) for _ in range(2)] == ["miss", "hit"]
        assert infer(place, question) == "hit"
        with tritonclient.grpc.InferenceServerClient(place.grpc) as client:
            statistics = client.get_inference_statistics(NAME, headers=dict(place.headers))
        stats = statistics.model_stats[0].inference_stats
        assert (stats.cache_hit.count, stats.cache_miss.count, stats.compute_infer.count) == (2, 1, 1)


def score(place: Place, question: Question) -> str:
    (rows,) = (array.tolist() for array in question.inputs.values())
    answer = httpx.post(f"{place.base}/score", json={"data": rows}, headers=place.headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-slipway-cache"]


def infer(place: Place, question: Question) -> str:
    """Ask over gRPC, and return the trailing metadata's word."""
    ((name, array),) = question.inputs.items()
    tensor = {"name": name, "datatype": "FP32", "shape": array.shape}
    request = message_classes()["ModelInferRequest"](
        model_name=NAME, inputs=[tensor], raw_input_contents=[array.tobytes()]
    )
    with grpc.insecure_channel(place.grpc) as channel:
        method = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        _, call = method.with_call(request.SerializeToString(), metadata=place.metadata, timeout=20)
    return str(dict(call.trailing_metadata())["x-slipway-cache"])

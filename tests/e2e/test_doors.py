"""What a client of the edge meets, with every process real."""

import uuid
from collections import Counter

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton

from registry.client import Client
from registry.core.deploying.split import bucket_of, deployment_of
from tests.e2e.town import Town

pytestmark = pytest.mark.e2e

GREEN = {"azureml-model-deployment": "green"}


def test_a_wrong_key_is_401_and_so_is_none(town: Town) -> None:
    with town.client(key="wrong") as client:
        assert client.post("/endpoints/town/score", json={"data": [[0, 0]]}).status_code == 401
    answer = httpx.post(f"{town.edge}/endpoints/town/score", json={"data": [[0, 0]]})
    assert answer.status_code == 401
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_an_unknown_endpoint_is_404_with_or_without_a_key(town: Town) -> None:
    with town.client() as client:
        assert client.post("/endpoints/nowhere/score", json={}).status_code == 404
        answer = client.post("/v2/models/nowhere/infer", json={})
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["error"]


def test_what_an_onnx_model_runs_on_is_told_by_replicas_and_by_its_metadata(town: Town) -> None:
    assert {replica["provider"] for replica in town.replicas("blue")} == {"CPUExecutionProvider"}
    assert {replica["provider"] for replica in town.replicas("green")} == {""}
    with town.client() as client:
        metadata = client.get("/v2/models/town").json()
    assert metadata["properties"] == {"execution_provider": "CPUExecutionProvider"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "truncated"),
        (b"{}", "inputs"),
        (b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}', "X"),
        (b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,2],"data":[1,2,3]}]}', "X"),
        (b'{"inputs":[{"name":"Y","datatype":"FP32","shape":[1,2],"data":[1,2]}]}', "Y"),
        (b'{"inputs":[{"name":"X","datatype":"INT64","shape":[1,2],"data":[1,2]}]}', "INT64"),
    ],
)
def test_a_malformed_request_is_400_and_names_the_fault(town: Town, body: bytes, fault: str) -> None:
    with town.client() as client:
        answer = client.post("/v2/models/town/infer", content=body)
    assert answer.status_code == 400
    assert fault in answer.json()["error"]


def test_a_script_that_raises_is_424_at_score_and_500_elsewhere_without_a_traceback(town: Town) -> None:
    with town.client() as client:
        score = client.post("/endpoints/town/score", json={"data": "raise"}, headers=GREEN)
        tensor = {"name": "data", "shape": [1], "datatype": "BYTES", "data": ["raise"]}
        invocations = client.post("/endpoints/town/invocations", json={"data": "raise"}, headers=GREEN)
        malformed = client.post("/v2/models/town/infer", json={"inputs": [tensor]}, headers=GREEN)
    assert (score.status_code, score.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert invocations.status_code == 500
    assert malformed.status_code == 400  # a script without a signature takes one 2-D tensor
    for answer in (score, invocations):
        assert answer.headers["x-request-id"]
        assert "Traceback" not in answer.text
    assert "secret of the script" not in score.text  # Azure's server tells no more; MLflow's says what was raised


def test_every_door_gives_the_same_numbers(town: Town) -> None:
    rows = [[0.25, 0.75], [1.0, 0.0], [3.5, -2.0]]
    tensor = {"name": "X", "shape": [3, 2], "datatype": "FP32", "data": rows}
    with town.client() as client:
        score = client.post("/endpoints/town/score", json={"data": rows}).json()
        (output,) = client.post("/v2/models/town/infer", json={"inputs": [tensor]}).json()["outputs"]
        predictions = client.post("/endpoints/town/invocations", json={"instances": rows}).json()["predictions"]
    value = triton.InferInput("X", [3, 2], "FP32")
    value.set_data_from_numpy(np.asarray(rows, np.float32))
    with triton.InferenceServerClient(f"127.0.0.1:{town.ports['grpc']}") as client_grpc:
        result = client_grpc.infer("town", [value], headers={"authorization": f"Bearer {town.key}"})
    expected = result.as_numpy("probabilities")
    assert expected is not None
    for answer in (score, np.reshape(output["data"], output["shape"]), predictions):
        np.testing.assert_allclose(answer, expected, rtol=1e-6)


def test_grpc_tells_a_wrong_key_from_an_unknown_endpoint(town: Town) -> None:
    value = triton.InferInput("X", [1, 2], "FP32")
    value.set_data_from_numpy(np.zeros((1, 2), np.float32))
    with triton.InferenceServerClient(f"127.0.0.1:{town.ports['grpc']}") as client:
        with pytest.raises(triton.InferenceServerException, match="UNAUTHENTICATED"):
            client.infer("town", [value], headers={"authorization": "Bearer wrong"})
        with pytest.raises(triton.InferenceServerException, match="NOT_FOUND"):
            client.infer("nowhere", [value], headers={"authorization": f"Bearer {town.key}"})


def test_the_split_does_what_can_be_computed_offline_and_changes_at_once(town: Town) -> None:
    users = [str(uuid.UUID(int=number)) for number in range(300)]
    body = {"data": [[0.5, 0.5]]}
    try:
        for weights in ({"blue": 90.0, "green": 10.0}, {"blue": 50.0, "green": 50.0}):
            split = " ".join(f"{name}={percent:g}" for name, percent in weights.items())
            town.slipway("endpoint", "update", "--name", "town", "--traffic", split)
            endpoint = Client(town.url).endpoints.get("town")
            expected = [deployment_of(endpoint.intervals, bucket_of(endpoint.salt, user)) for user in users]
            with town.client() as client:
                answers = [client.post("/endpoints/town/score", json=body, headers={"x-user-id": u}) for u in users]
            assert [answer.headers["azureml-model-deployment"] for answer in answers] == expected
            assert Counter(answer.status_code for answer in answers) == {200: len(users)}
    finally:
        town.slipway("endpoint", "update", "--name", "town", "--traffic", "blue=100")


def test_the_command_scores_and_shows_what_it_asked(town: Town) -> None:
    done = town.slipway("score", "town", "--data", '{"data": [[0.5, 0.5]]}', "--key", town.key)
    assert len(done.stdout.strip()) > 2
    failed = town.slipway("score", "town", "--data", "{}", "--key", "wrong", check=False)
    assert failed.returncode == 1
    assert "401" in failed.stderr

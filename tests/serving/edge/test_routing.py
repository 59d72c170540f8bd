"""What a client sees at the edge's HTTP port."""

import re
from typing import Any

import pytest

KEY = "a-key-of-the-tests"
BLUE, GREEN = "cancer.blue.1", "cancer.green.1"


def test_a_request_reaches_the_scoring_process_by_both_doors(routed: Any) -> None:
    seen = routed.score("/endpoints/CANCER/score?a=1", content=b'{"data": 1}').json()
    assert (seen["path"], seen["body"]) == ("/score?a=1", '{"data": 1}')
    assert routed.score("/endpoints/cancer/v2/models/cancer/infer").json()["path"] == "/v2/models/cancer/infer"
    assert routed.score("/v2/models/cancer/infer").json()["path"] == "/v2/models/cancer/infer"


def test_the_answer_names_who_gave_it_and_the_request(routed: Any) -> None:
    answer = routed.score(headers={"azureml-model-deployment": "blue", "x-request-id": "r-1"})
    assert answer.status_code == 200
    assert answer.headers["azureml-model-deployment"] == "Blue"
    assert answer.headers["x-slipway-revision"] == BLUE
    assert answer.headers["x-request-id"] == answer.headers["x-ms-request-id"] == "r-1"


def test_the_scoring_process_gets_the_secret_and_never_the_clients_headers_or_key(routed: Any) -> None:
    headers = routed.score(headers={"x-slipway-edge": "mine", "x-slipway-other": "mine"}).json()["headers"]
    assert headers["x-slipway-edge"] == "the-secret-of-the-tests"
    assert "x-slipway-other" not in headers
    assert "authorization" not in headers


def test_a_valid_traceparent_is_kept_and_an_invalid_one_replaced(routed: Any) -> None:
    mine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert routed.score(headers={"traceparent": mine}).json()["headers"]["traceparent"] == mine
    for wrong in ("nonsense", mine.upper(), "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff" + mine[2:]):
        made = routed.score(headers={"traceparent": wrong}).json()["headers"]["traceparent"]
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", made)
        assert made not in (mine, wrong)


@pytest.mark.parametrize("key", [None, "Bearer", "Bearer wrong", "Basic abc", f"Bearer {KEY}x"])
def test_a_missing_or_wrong_key_is_401_in_the_doors_shape(routed: Any, key: str | None) -> None:
    headers = {"authorization": key} if key else {}
    answer = routed.client.post("/endpoints/cancer/score", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()
    assert list(error) == ["error_code", "message", "request_id"]
    assert (error["error_code"], error["request_id"]) == ("UNAUTHENTICATED", answer.headers["x-request-id"])
    oip = routed.client.post("/v2/models/cancer/infer", headers=headers)
    assert oip.status_code == 401
    assert oip.headers["content-type"] == "application/json"
    assert isinstance(oip.json()["error"], str)


def test_the_scheme_of_a_key_has_no_case(routed: Any) -> None:
    assert routed.score(headers={"authorization": f"bearer {KEY}"}).status_code == 200


def test_what_does_not_exist_is_404(routed: Any) -> None:
    unknown = routed.score("/endpoints/nope/score")
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "NOT_FOUND")
    oip = routed.score("/v2/models/nope/infer")
    assert oip.status_code == 404
    assert oip.json()["error"].startswith("Request for unknown model: 'nope' is not found")
    assert routed.score("/elsewhere").status_code == 404
    assert routed.score("/endpoints/").status_code == 404
    override = routed.score(headers={"azureml-model-deployment": 'no"pe'})
    assert override.status_code == 404
    assert 'no"pe' in override.json()["message"]
    assert routed.score("/v2/models/cancer/versions/9/infer").status_code == 404
    idle = routed.score("/endpoints/idle/score")
    assert idle.status_code == 404
    assert "no deployment with positive weight" in idle.json()["message"]


def test_a_model_version_picks_the_deployment_that_serves_it(routed: Any) -> None:
    for version, deployment in (("1", "Blue"), ("2", "green")):
        for door in ("", "/endpoints/cancer"):
            answer = routed.score(f"{door}/v2/models/cancer/versions/{version}/infer")
            assert answer.headers["azureml-model-deployment"] == deployment


def test_a_replica_without_an_answer_is_502_only_when_the_second_gives_none_either(routed: Any, replica: Any) -> None:
    answer = routed.score("/endpoints/cancer/invocations?die=1")
    assert (answer.status_code, answer.json()["error_code"]) == (502, "BAD_GATEWAY")

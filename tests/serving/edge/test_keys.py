"""What a key may do, at a real edge: until when, whether it may choose, what it reaches, how often it may ask."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from registry.core.deploying.keys import KeyHash, KeyRules, RateLimit, ReplacedKey, hash_key
from tests.serving.edge.edge import Edge
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import Replica
from tests.serving.edge.tables import backend, endpoint, table

NOW_MS = time.time_ns() // 1_000_000
SLOW = RateLimit(requests=1, per="minute", burst=3)
RULES = {
    "ending": KeyRules(expires_ms=NOW_MS + 3_600_000),
    "ended": KeyRules(expires_ms=NOW_MS - 1),
    "bound": KeyRules(allow_override=False),
    "blue-only": KeyRules(deployments=["Blue"]),
    "trial": KeyRules(deployments=["idle"]),
    "lost": KeyRules(deployments=["nothing"]),
    "slow": KeyRules(rate_limit=SLOW),
    "slow-grpc": KeyRules(rate_limit=SLOW),
}
INFER = "/inference.GRPCInferenceService/ModelInfer"
NAMED = b"\x0a\x06cancer"  # a ModelInferRequest of the model cancer


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge with endpoint Cancer: Blue and green at 50 % each, idle without traffic; a key for each of ``RULES``."""
    with ExitStack() as stack:
        controller, telemetry = Controller(), Telemetry()
        replicas = {name: Replica(f"{name}-0", f"cancer.{name}.1") for name in ("blue", "green", "idle")}
        for close in (controller.close, telemetry.close, *(one.close for one in replicas.values())):
            stack.callback(close)
        edge = Edge(tmp_path_factory.mktemp("keyed"), controller, telemetry)
        stack.callback(edge.close)
        edge.start()
        route = endpoint("Cancer", green=5000, Blue=10000, idle=0)
        keys = [KeyHash(name, hash_key(f"key-{name}"), rules) for name, rules in RULES.items()]
        replaced = [ReplacedKey(hash_key("key-1"), NOW_MS - 1), ReplacedKey(hash_key("key-2"), NOW_MS + 3_600_000)]
        keys.append(KeyHash("renewed", hash_key("key-3"), replaced=replaced))
        routes = [replace(route, keys=[*route.keys, *keys]), replace(endpoint("other", blue=0), keys=[])]
        controller.publish(table(1, routes, [backend(f"cancer.{name}.1", r.server) for name, r in replicas.items()]))
        edge.eventually(lambda: edge.score().status_code == 200)
        edge.telemetry = telemetry  # type: ignore[attr-defined]
        yield edge


def ask(edge: Any, key: str, path: str = "/endpoints/cancer/score", **headers: str) -> Any:
    return edge.score(path, headers={"authorization": f"Bearer {key}", **headers})


def deployments(edge: Any, key: str) -> set[str]:
    return {ask(edge, key).headers["azureml-model-deployment"] for _ in range(30)}


def test_a_key_opens_until_it_expires(keyed: Any) -> None:
    assert ask(keyed, "key-ending").status_code == 200
    over = ask(keyed, "key-ended")
    assert (over.status_code, over.headers["www-authenticate"]) == (401, "Bearer")
    assert "key of the name ended was replaced or has expired" in over.json()["message"]


def test_a_replaced_key_opens_as_long_as_its_overlap(keyed: Any) -> None:
    assert [ask(keyed, f"key-{number}").status_code for number in (1, 2, 3)] == [401, 200, 200]
    assert ask(keyed, "key-2").json()["headers"]["x-slipway-key"] == "renewed"


def test_the_scoring_process_is_told_the_keys_name_and_nothing_else(keyed: Any) -> None:
    for key in ("key-ending", "key-blue-only"):
        assert ask(keyed, key).json()["headers"]["x-slipway-key"] == key.removeprefix("key-")


def test_every_key_may_choose_a_deployment_but_one_that_is_forbidden_to(keyed: Any) -> None:
    assert ask(keyed, "key-ending", **{"azureml-model-deployment": "green"}).json()["replica"] == "green-0"
    versioned = "/v2/models/cancer/versions/1/infer"
    assert ask(keyed, "key-ending", versioned).status_code == 200
    assert deployments(keyed, "key-bound") == {"Blue", "green"}
    for refused in (
        ask(keyed, "key-bound", **{"azureml-model-deployment": "green"}),
        ask(keyed, "key-bound", versioned),
    ):
        assert refused.status_code == 403
        assert "the key bound may choose neither a deployment nor a version" in refused.text


def test_a_key_that_names_deployments_reaches_these_only(keyed: Any) -> None:
    assert deployments(keyed, "key-blue-only") == {"Blue"}
    assert ask(keyed, "key-blue-only", **{"azureml-model-deployment": "BLUE"}).status_code == 200
    refused = ask(keyed, "key-blue-only", **{"azureml-model-deployment": "green"})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")
    assert "the key blue-only does not reach the deployment green" in refused.json()["message"]
    assert ask(keyed, "key-blue-only", **{"azureml-model-deployment": "nope"}).status_code == 404


def test_a_key_for_a_deployment_without_traffic_tries_it_out(keyed: Any) -> None:
    assert deployments(keyed, "key-trial") == {"idle"}


def test_a_key_for_deployments_that_are_not_live_finds_none(keyed: Any) -> None:
    answer = ask(keyed, "key-lost")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NO_DEPLOYMENT")


def test_a_key_of_one_endpoint_opens_no_other(keyed: Any) -> None:
    assert ask(keyed, "key-ending", "/endpoints/other/score").status_code == 401


def test_a_limited_key_is_refused_beyond_its_burst_and_told_when_to_come_again(keyed: Any) -> None:
    assert [ask(keyed, "key-slow").status_code for _ in range(6)] == [200] * 3 + [429] * 3
    refused = ask(keyed, "key-slow")
    assert 1 <= int(refused.headers["retry-after"]) <= 60  # those that were refused have moved it no further away
    assert refused.headers["ms-azureml-model-error-reason"] == "rate_limited"
    assert refused.json()["error_code"] == "RATE_LIMITED"
    assert isinstance(ask(keyed, "key-slow", "/v2/models/cancer/infer").json()["error"], str)
    assert ask(keyed, "key-ending").status_code == 200


def test_the_rules_hold_over_grpc(keyed: Any) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{keyed.grpc_port}") as channel:

        def call(key: str, **metadata: str) -> tuple[Any, str]:
            pairs = [("authorization", f"Bearer {key}"), *((n.replace("_", "-"), v) for n, v in metadata.items())]
            try:
                return grpc.StatusCode.OK, channel.unary_unary(INFER)(NAMED, metadata=pairs, timeout=10).decode()
            except grpc.RpcError as error:
                return error.code(), error.details()

        assert call("key-ended")[0] is grpc.StatusCode.UNAUTHENTICATED
        assert call("key-bound", azureml_model_deployment="green")[0] is grpc.StatusCode.PERMISSION_DENIED
        assert call("key-blue-only", azureml_model_deployment="green")[0] is grpc.StatusCode.PERMISSION_DENIED
        assert {call("key-blue-only") for _ in range(8)} == {(grpc.StatusCode.OK, "blue-0")}
        answered = [call("key-slow-grpc")[0] for _ in range(4)]
        assert answered == [grpc.StatusCode.OK] * 3 + [grpc.StatusCode.RESOURCE_EXHAUSTED]
        assert ask(keyed, "key-slow-grpc").status_code == 429  # one limit for both ports


@pytest.mark.parametrize(
    "given",
    [
        ["Bearer"],
        ["bearer key-ended key-ending"],
        ["Basic key-ending"],
        ["key-ending"],
        ["Bearer " + "x" * 20_000],
        ["Bearer wrong", "Bearer wronger"],
        ["Bearer wrong", "Bearer key-ending"],
        ["Bearer wrong, Bearer key-ending"],
        ["Bearer \xff\xfe"],
    ],
)
def test_what_is_no_key_opens_nothing(keyed: Any, given: list[str]) -> None:
    """Of several only the first counts."""
    headers = [(b"authorization", one.encode("latin-1")) for one in given]
    answer = keyed.client.post("/endpoints/cancer/score", headers=headers, content=b"{}")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "name", ["api-key", "x-api-key", "ocp-apim-subscription-key", "x-functions-key", "proxy-authorization"]
)
def test_a_key_is_taken_from_no_other_header(keyed: Any, name: str) -> None:
    for value in ("key-ending", "Bearer key-ending"):
        answer = keyed.client.post("/endpoints/cancer/score", headers={name: value}, content=b"{}")
        assert answer.status_code == 401
        assert "key-ending" not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_has_no_case_and_the_key_has(keyed: Any, scheme: str) -> None:
    headers = {"authorization": f"{scheme} key-ending"}
    assert keyed.score(headers=headers).status_code == 200
    assert keyed.score(headers={"authorization": f"{scheme} KEY-ENDING"}).status_code == 401


def test_no_key_is_in_a_line_of_the_log_or_in_a_file_of_the_edge(keyed: Any) -> None:
    keys = ["key-ending", "key-ended", "a-guess-of-somebody"]
    asked = {ask(keyed, key, "/endpoints/cancer/invocations?x=log").headers["x-request-id"] for key in keys}
    keyed.eventually(lambda: asked <= {row["operation_id"] for row in keyed.telemetry.rows()})
    assert {row["key_name"] for row in keyed.telemetry.rows() if row["operation_id"] in asked} == {
        "ending",
        "ended",
        "",
    }
    written = [path.read_bytes() for path in keyed.folder.rglob("*") if path.is_file()]
    assert len(written) > 5
    for text in (*written, *keyed.telemetry.raw):
        assert not any(key.encode() in text for key in keys)

"""Every address of an endpoint, and of what belongs to none."""

from typing import Any

import pytest

from serving.scoring.oip.server_metadata import server_metadata

INFER = "/v2/models/cancer/infer"


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("/endpoints/cancer/score", "/score"),
        ("/endpoints/CANCER/score?a=1&b=%2F", "/score?a=1&b=%2F"),
        ("/endpoints/c%61ncer/score", "/score"),
        ("/endpoints/cancer", "/"),
        ("/endpoints/cancer/", "/"),
        ("/endpoints/cancer/swagger.json?version=3", "/swagger.json?version=3"),
        ("/endpoints/cancer/v1/models/cancer:predict", "/v1/models/cancer:predict"),
        (f"/endpoints/cancer{INFER}", INFER),
        ("/v1/models/cancer", "/v1/models/cancer"),
        ("/v1/models/CANCER:predict", "/v1/models/CANCER:predict"),
        ("/v1/models/c%61ncer%3Apredict", "/v1/models/c%61ncer%3Apredict"),
        ("/v2/models/cancer", "/v2/models/cancer"),
        ("/v2/models/c%61ncer/infer", "/v2/models/c%61ncer/infer"),
        *(
            (f"/v2/models/cancer{path}", f"/v2/models/cancer{path}")
            for path in (
                *("/infer", "/ready", "/config", "/stats", "/generate", "/generate_stream", "/trace/setting"),
                *("/versions/1", "/versions/1/infer", "/versions/1/ready", "/versions/1/config", "/versions/2/stats"),
            )
        ),
    ],
)
def test_a_path_leads_to_the_path_as_the_scoring_process_knows_it(routed: Any, address: str, reached: str) -> None:
    answer = routed.score(address)
    assert answer.status_code == 200
    assert answer.json()["path"] == reached


@pytest.mark.parametrize("host", ["cancer.localhost:8000", "CANCER.example.org", "cancer.a.b.example:443"])
@pytest.mark.parametrize("path", ["/score", "/", "/v2", "/v2/health/ready", "/v2/models/cancer/infer", "/invocations"])
def test_a_virtual_host_has_the_bare_paths(routed: Any, host: str, path: str) -> None:
    assert routed.client.get(path, headers={"host": host}).status_code == 401
    answer = routed.score(path, headers={"host": host})
    assert answer.status_code == 200
    assert answer.json()["path"] == path


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "other.example.org", "cancer", "cancer.1.2.3", "[::1]"]
)
def test_another_host_is_the_edge_itself(routed: Any, host: str) -> None:
    assert routed.score("/score", headers={"host": host}).status_code == 404
    assert routed.client.get("/v2/health/live", headers={"host": host}).json() == {"live": True}


@pytest.mark.parametrize(
    "path",
    ["/endpoints/cancer/-/status", "/endpoints/cancer/-/ready", "/endpoints/cancer/%2D/status", "/elsewhere", "/"],
)
def test_what_is_no_clients_is_404(routed: Any, path: str) -> None:
    assert routed.score(path).status_code == 404


def test_only_the_description_for_generated_clients_is_told_where_it_is(routed: Any) -> None:
    def told(path: str, **headers: str) -> str | None:
        seen = routed.score(path, headers={"x-slipway-base": "/mine", **headers}).json()
        base: str | None = seen["headers"].get("x-slipway-base")
        return base

    assert told("/endpoints/Cancer/swagger.json?version=2") == "/endpoints/Cancer"
    assert told("/swagger.json", host="cancer.example.org") is None
    for path in ("score", "swagger.json/", "a/swagger.json", "v2/models/cancer/infer"):
        assert told(f"/endpoints/cancer/{path}") is None


def test_an_endpoint_that_there_is_not_is_named_in_the_words_of_each_protocol(routed: Any) -> None:
    for path, message in (
        ("/endpoints/nope/score", "there is no endpoint 'nope'"),
        ("/endpoints/n%22pe/invocations", "there is no endpoint 'n\"pe'"),
    ):
        answer = routed.score(path)
        assert (answer.status_code, answer.json()["message"]) == (404, message)
    for path in ("/v1/models/nope", "/v1/models/nope:predict", "/v1/models/nope%3apredict"):
        answer = routed.score(path)
        assert (answer.status_code, answer.json()["error"].partition(";")[0]) == (
            404,
            "Model with name nope does not exist.",
        )
    answer = routed.score("/score", headers={"host": "nope.example.org"})
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("there is no endpoint 'nope', as the host says")
    assert "no endpoint" not in routed.score("/score").json()["message"]


def test_kserves_first_protocol_needs_the_key_at_the_root_too(routed: Any) -> None:
    answer = routed.client.post("/v1/models/cancer:predict")
    assert answer.status_code == 401
    assert answer.json()["error"].startswith("a valid key is needed")


def test_the_server_wide_doors_need_no_key(routed: Any) -> None:
    assert routed.client.get("/v2").json() == server_metadata()
    assert routed.client.get("/v2/health/live").json() == {"live": True}
    assert routed.client.get("/v2/health/ready").json() == {"ready": True}
    head = routed.client.head("/v2/health/ready")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/v2/repository/index", "/v2/repository/models/cancer/load", "/v2/models/stats", "/v2/logging", "/v2/a"]
)
def test_other_calls_that_name_no_endpoint_are_the_controllers(routed: Any, path: str) -> None:
    seen = routed.score(path, content=b'{"ready": true}').json()
    assert (seen["path"], seen["body"]) == (path, '{"ready": true}')
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["authorization"] == routed.headers["authorization"]
    assert headers["host"].startswith("127.0.0.1:")
    assert "x-slipway-edge" not in headers


def test_while_the_controller_is_away_they_say_so(edge: Any, controller: Any) -> None:
    controller.close()
    answer = edge.score("/v2/repository/index")
    assert answer.status_code == 503
    assert "the controller, which answers this call, is away" in answer.json()["error"]

"""Headers that clients and scoring processes tell each other through the edge."""

from typing import Any

from tests.serving.edge.tables import KEY

BLUE = {"azureml-model-deployment": "blue"}


def test_every_header_of_azures_contract_reaches_the_scoring_process(routed: Any) -> None:
    sent = {
        "x-request-id": "r-1",
        "x-ms-request-id": "r-2",
        "x-ms-client-request-id": "r-3",
        "traceid": "r-4",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "a=b",
        "origin": "https://page.example",
        "content-type": "text/csv",
        "content-encoding": "gzip",
        "accept-encoding": "gzip",
        "inference-header-content-length": "2",
        "azureml-model-deployment": "blue",
    }
    got = routed.score(headers=sent).json()["headers"]
    assert {name: got.get(name) for name in sent} == sent


def test_ids_are_echoed_also_where_the_edge_answers_itself(routed: Any) -> None:
    mine = {"x-request-id": "r-1", "x-ms-client-request-id": "r-3"}
    refused = routed.client.post("/endpoints/cancer/score", headers=mine)
    assert refused.status_code == 401
    assert refused.headers["x-request-id"] == "r-1"
    assert refused.headers["x-ms-client-request-id"] == "r-3"
    nameless = routed.client.post("/endpoints/cancer/score")
    assert len(nameless.headers["x-request-id"]) == 32
    assert nameless.headers["x-ms-request-id"] == nameless.headers["x-request-id"]
    assert "x-ms-client-request-id" not in nameless.headers


def test_a_hostile_id_ends_up_as_one_header_and_one_json_text(routed: Any) -> None:
    hostile = b'a"b\\\xffc' + b"x" * 300
    answer = routed.client.post(
        "/endpoints/cancer/score", headers={b"x-request-id": hostile, b"x-ms-client-request-id": hostile}
    )
    assert answer.status_code == 401
    assert answer.json()["request_id"].startswith('a"b\\')
    assert len(answer.headers.get_list("x-request-id")) == 1


def test_the_answer_names_who_gave_it_also_when_it_is_an_error(routed: Any) -> None:
    answer = routed.score("/endpoints/cancer/score?status=500", headers=BLUE)
    assert answer.headers["azureml-model-deployment"] == "Blue"
    assert answer.headers["x-slipway-revision"] == "cancer.blue.1"


def test_a_key_never_reaches_the_scoring_process(routed: Any) -> None:
    seen = routed.score().json()
    assert KEY not in str(seen)


def test_an_id_as_long_as_a_head_may_be_is_cut_and_breaks_no_answer(routed: Any) -> None:
    answer = routed.client.get("/nowhere", headers={"x-request-id": "a" * 20_000})
    assert (answer.status_code, answer.headers["x-request-id"]) == (404, "a" * 128)

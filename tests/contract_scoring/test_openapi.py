"""The document of a process' doors, and what schemathesis makes of it: documented answers, and no fault of ours."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.contract_scoring.doors import lists, members, mlflow_form, oip_inputs, scripts_body
from tests.contract_scoring.images import IMAGES, Image, Kind
from tests.contract_scoring.questions import Question
from tests.effort import effort
from tests.serving.clients.places import Place

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's, while it saves models

NAMED = {image.name: image for image in IMAGES}
NOT_OFFERED = 501  # extensions of Triton's that are switched off, and encodings
TOO_LATE, TIMEOUT = 504, "x-request-timeout-ms"  # of a request that asked for little time
# Attacked are models that fail at no input: a script that raises is its own fault.
ATTACKED = ["onnx-columns", "mlflow-columns"]


def document_at(place: Place) -> Any:
    answer = httpx.get(f"{place.http}/openapi.json", headers=place.headers, trust_env=False)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("name", NAMED)
def test_the_document_is_sound_and_has_what_the_clients_ask(place_of: Callable[[Image], Place], name: str) -> None:
    document = document_at(place_of(NAMED[name]))
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert {"/score", "/invocations", f"/v1/models/{name}:predict", f"/v2/models/{name}/infer"} <= document[
        "paths"
    ].keys()
    assert not any(path.startswith("/-/") for path in document["paths"])
    identifiers = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("name", NAMED)
def test_a_right_answer_is_as_the_document_has_it(at_scoring_port: Callable[[Image], Place], name: str) -> None:
    image = NAMED[name]
    place = at_scoring_port(image)
    schema = schemathesis.openapi.from_dict(document_at(place))
    question = next(one for one in image.questions if one.rows > 1)
    for path, body in right_bodies(image, question).items():
        answer = httpx.post(f"{place.http}{path}", json=body, headers=dict(place.headers), trust_env=False)
        assert answer.status_code == 200, answer.text
        schema[path]["POST"].validate_response(answer)


@pytest.mark.parametrize("name", ATTACKED)
def test_every_door_at_which_a_model_answers_has_the_header_for_its_time(
    at_scoring_port: Callable[[Image], Place], name: str
) -> None:
    paths = document_at(at_scoring_port(NAMED[name]))["paths"]
    posts = {
        path: [one["name"] for one in methods["post"]["parameters"]]
        for path, methods in paths.items()
        if "post" in methods
    }
    have = {path for path, names in posts.items() if TIMEOUT in names}
    model, asked = f"/v2/models/{name}", ("infer", "generate", "generate_stream")
    at_version = {path for path in posts if path.startswith(f"{model}/versions/") and path.endswith(asked)}
    assert have == {
        "/score",
        "/invocations",
        f"/v1/models/{name}:predict",
        *(f"{model}/{door}" for door in asked),
        *at_version,
    }


def right_bodies(image: Image, question: Question) -> dict[str, Any]:
    """One for each door at which every image can be asked."""
    form = mlflow_form(image, question)
    is_script = image.kind in (Kind.SCRIPT, Kind.SCHEMA)
    by_name = {"data": lists(question)}
    model = f"/v2/models/{image.name}"
    return {
        "/score": scripts_body(image, question) if is_script else form if image.kind is Kind.MLFLOW else by_name,
        "/invocations": scripts_body(image, question) if is_script else form,
        f"{model}/infer": {"inputs": oip_inputs(question)},
        f"{model}/generate": members(image, question),
        f"{model}/generate_stream": members(image, question),
    }


@pytest.mark.parametrize("name", ATTACKED)
def test_what_the_document_allows_is_answered_as_documented(place_of: Callable[[Image], Place], name: str) -> None:
    assert {200, 400} <= attacked(place_of(NAMED[name]), GenerationMode.POSITIVE)


@pytest.mark.parametrize("name", ATTACKED)
def test_so_is_what_it_does_not_allow(at_scoring_port: Callable[[Image], Place], name: str) -> None:
    assert 400 in attacked(at_scoring_port(NAMED[name]), GenerationMode.NEGATIVE)


def attacked(place: Place, mode: GenerationMode) -> set[int]:
    """Return every status with which the operations, of those with a version one only, answered."""
    seen: set[int] = set()
    schema = schemathesis.openapi.from_dict(document_at(place))
    with requests.Session() as session:
        session.trust_env = False
        for found in schema.get_all_operations():
            operation = found.ok() if isinstance(found, Ok) else pytest.fail(str(found))
            if "/versions/" not in operation.path and (mode is GenerationMode.POSITIVE or operation.body):
                seen |= attack(place, session, operation, mode)
    return seen


def attack(place: Place, session: requests.Session, operation: Any, mode: GenerationMode) -> set[int]:
    seen: set[int] = set()

    @effort(4)
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        answer = case.call(base_url=place.http, session=session, headers=dict(place.headers), allow_redirects=False)
        documented = operation.definition.raw["responses"]
        told = (case.as_curl_command(), answer.status_code, answer.text)
        assert str(answer.status_code) in documented, told
        late = answer.status_code == TOO_LATE and TIMEOUT in (case.headers or {})
        assert answer.status_code < 500 or answer.status_code == NOT_OFFERED or late, told
        operation.validate_response(answer)
        seen.add(answer.status_code)

    send()
    return seen

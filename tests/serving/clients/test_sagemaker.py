"""What SageMaker's runtime sends to a container: ``GET /ping``, and ``POST /invocations`` with its headers."""

import httpx
import pytest

from tests.serving.clients.places import Place

ROWS = "a,b,c\n1,2,3\n0.25,-8,0.5\n"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/csv", ROWS),
        ("application/json", '{"instances": [[1, 2, 3], [0.25, -8, 0.5]]}'),
        ("application/jsonlines", "[1, 2, 3]\n[0.25, -8, 0.5]\n"),
    ],
)
@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("text/csv", "-6.5\n-17.25\n"),
        ("application/json", '{"predictions":[[-6.5],[-17.25]]}'),
        ("application/jsonlines", "[-6.5]\n[-17.25]\n"),
    ],
)
def test_an_invocation_is_answered_in_the_type_it_accepts(
    linear_at: Place, content_type: str, content: str, accept: str, answer: str
) -> None:
    headers = {"content-type": content_type, "accept": accept, "x-amzn-sagemaker-custom-attributes": "trace=1"}
    url = f"{linear_at.base}/invocations"
    given = httpx.post(url, content=content, headers={**linear_at.headers, **headers}, trust_env=False)
    assert (given.status_code, given.text) == (200, answer)
    assert given.headers["content-type"] == accept


def test_a_ping_is_answered_with_200(linear_at: Place) -> None:
    answer = httpx.get(f"{linear_at.base}/ping", headers=linear_at.headers, trust_env=False)
    assert answer.status_code == 200

"""What a page of another site can make a browser send."""

import httpx
import pytest

from registry.core.security.browsers import refusal

PAGE = "http://evil.example"


@pytest.fixture(autouse=True)
def endpoint(http: httpx.Client) -> None:
    assert http.put("/api/v1/endpoints/cancer", json={}).is_success


@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1:1", "https://127.0.0.1"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_a_page_of_another_origin_changes_nothing(http: httpx.Client, origin: str, content_type: str) -> None:
    before = http.get("/api/v1/endpoints/cancer").json()
    headers = {"origin": origin, "content-type": content_type}
    answer = http.post("/api/v1/endpoints/cancer/keys/regenerate", content=b'{"key": "primary"}', headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"
    assert http.get("/api/v1/endpoints/cancer").json() == before
    mlflow = http.post("/api/2.0/mlflow/experiments/create", json={"name": "theirs"}, headers={"origin": origin})
    assert (mlflow.status_code, mlflow.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_an_own_page_may(http: httpx.Client) -> None:
    own = str(http.base_url).rstrip("/")
    headers = {"origin": own, "sec-fetch-site": "same-origin"}
    answer = http.post("/api/v1/endpoints/cancer/keys/regenerate", json={"key": "primary"}, headers=headers)
    assert answer.status_code == 200
    form = http.post(
        "/api/v1/endpoints/cancer/keys/regenerate", json={"key": "primary"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert form.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "127.0.0.1.evil.example", "10.0.0.1:5000", ""])
def test_a_name_that_was_made_to_mean_this_machine_is_refused(http: httpx.Client, host: str) -> None:
    answer = http.get("/api/v1/endpoints", headers={"host": host})
    assert answer.status_code in (400, 403)
    assert "cancer" not in answer.text


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "127.0.0.2:5000", "[::1]:5000"])
def test_this_machine_has_several_names(http: httpx.Client, host: str) -> None:
    assert http.get("/api/v1/endpoints", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "http://127.0.0.1:port"])
def test_an_origin_that_is_none_is_refused_and_no_fault_of_ours(http: httpx.Client, origin: str) -> None:
    answer = http.post("/api/v1/endpoints/cancer/keys/regenerate", json={"key": "primary"}, headers={"origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("10.0.0.7:5000", True),
        ("10.0.0.7", True),
        ("localhost:5000", True),
        ("Registry.Example", True),
        ("10.0.0.8", False),
        ("evil.example", False),
    ],
)
def test_a_server_for_others_goes_by_its_address_and_the_names_it_was_given(host: str, allowed: bool) -> None:
    why = refusal("GET", host, "", "", frozenset({"registry.example", "10.0.0.7"}))
    assert (why == "") is allowed
    assert allowed or "--allowed-host" in why

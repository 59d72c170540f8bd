"""Every call of MLflow's gets bodies and queries of all kinds: no fault of ours, ever."""

import re
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.app import MLFLOW, MLFLOW_UI, MLFLOW_V3
from registry.api.route import ApiRoute
from tests.effort import effort
from tests.registry.fuzz.messages import ANYTHING, TEXTS, bodies, written

PREFIXES = {
    id(route): prefix
    for prefix, routes in (("/api/2.0", MLFLOW), ("/api/3.0", MLFLOW_V3), ("", MLFLOW_UI))
    for route in routes
}
ROUTES = [*MLFLOW, *MLFLOW_V3, *MLFLOW_UI]
RAW = st.binary(max_size=60) | ANYTHING.map(written).map(lambda body: body[: len(body) // 2] + b"\xff")
MEDIA = st.just("application/json") | st.sampled_from(["", "text/plain", "application/json; charset=utf-16", "\xff"])
HEADERS = {"content-type": "application/json"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_answer_is_a_fault_of_ours(fuzzed_url: str, known: dict[str, str], route: ApiRoute) -> None:
    with httpx.Client(base_url=fuzzed_url, timeout=30) as http:

        @effort(12)
        @given(path=_path(route, known), values=bodies(route, known))
        def send(path: str, values: Any) -> None:
            url = PREFIXES[id(route)] + path
            if route.method in ("GET", "DELETE"):
                url += f"?{_query(values)}"
            content = b"" if route.method == "GET" else written(values)
            answer = http.request(route.method, url, content=content, headers=HEADERS)
            assert answer.status_code < 500, (url, values, answer.text)

        send()


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.method != "GET"],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_a_body_that_is_no_message_is_no_fault_of_ours(fuzzed_url: str, known: dict[str, str], route: ApiRoute) -> None:
    with httpx.Client(base_url=fuzzed_url, timeout=30) as http:

        @effort(12)
        @given(path=_path(route, known), body=RAW, media=MEDIA)
        def send(path: str, body: bytes, media: str) -> None:
            headers = [(b"content-type", media.encode("latin-1"))]
            answer = http.request(route.method, PREFIXES[id(route)] + path, content=body, headers=headers)
            assert answer.status_code < 500, (path, body, media, answer.text)

        send()


def _path(route: ApiRoute, known: dict[str, str]) -> st.SearchStrategy[str]:
    # Known names in the path more often than not: the rest of a request is seen by what exists.
    names = re.findall(r"{(\w+)(?::path)?}", route.path)
    drawn = st.fixed_dictionaries({name: (st.just(known[name]) | TEXTS if name in known else TEXTS) for name in names})
    return drawn.map(lambda values: re.sub(r"{(\w+)(?::path)?}", lambda hit: _quoted(values[hit[1]]), route.path))


def _query(values: Any) -> str:
    if not isinstance(values, dict):
        return _quoted(str(values))
    flat = {
        _clean(str(name)): [_clean(str(one)) for one in (value if isinstance(value, list) else [value])]
        for name, value in values.items()
    }
    return urlencode(flat, doseq=True)


def _quoted(text: str) -> str:
    return quote(_clean(text), safe="/")


def _clean(text: str) -> str:
    """Return text that a URL can hold: half a letter goes as bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")[:2000]

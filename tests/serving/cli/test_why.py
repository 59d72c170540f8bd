import json
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from registry.core.deploying.history import EndpointHistory
from tests.serving.policy.test_why import ROW, change

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def why(slipway: Slipway, house: Any) -> Slipway:
    history = EndpointHistory(name="cancer", changes=[change(5, 10)])
    house.answers["/v1/requests"] = (200, {"rows": [ROW]})
    house.answers["/api/v1/endpoints/Cancer/history"] = (200, msgspec.to_builtins(history))
    return lambda *words: slipway("request", "why", *words, "--url", house.url)


def test_a_request_is_explained_to_people(why: Slipway, house: Any) -> None:
    shown = why("4bf92f35").stdout
    for words in ("bucket", "300", "0–999", "blue=90 green=10", "by ada", "green revision 2", "cancer-green:1", "r7"):
        assert words in shown
    assert ("/v1/requests", {"id": ["4bf92f35"], "limit": ["20"]}) in house.asked
    assert ("/api/v1/endpoints/Cancer/history", {"at_ms": ["1000"]}) in house.asked


def test_a_request_is_explained_to_programs(why: Slipway) -> None:
    (reason,) = json.loads(why("4bf92f35", "--output", "json").stdout)
    assert (reason["choice"], reason["bound"], reason["traffic"]) == ("key", 1000, {"green": 10, "blue": 90})


def test_a_request_that_is_not_recorded_is_said_not_to_be(why: Slipway, house: Any) -> None:
    house.answers["/v1/requests"] = (200, {"rows": []})
    done = why("nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no request 'nobody' is recorded" in done.stderr


def test_an_endpoint_that_the_history_does_not_know_leaves_the_split_open(why: Slipway, house: Any) -> None:
    house.answers["/api/v1/endpoints/Cancer/history"] = (404, {"error": {"code": "not_found", "message": "never was"}})
    assert "green revision 2" in why("4bf92f35").stdout

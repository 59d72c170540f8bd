import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

NOBODY = "http://127.0.0.1:1"  # a mistake found here exits with 2; what is sent there, with 1
ROW = {
    "timestamp_ms": 1_795_466_997_878,
    "status": 200,
    "method": "POST",
    "path": "/endpoints/[/red]/score",
    "backend": "cancer.blue.1",
    "duration_ms": 3,
    "operation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}
COUNTS = {"endpoint": "cancer", "requests": 5, "failures": 1, "p50_ms": 3, "p99_ms": 9}
BLUE = COUNTS | {"deployment": "blue", "backend": "cancer.blue.1"}
GREEN = COUNTS | {"deployment": "green", "backend": "cancer.green.2", "p50_ms": -1, "p99_ms": -1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["logs", "cancer"], "write ENDPOINT/DEPLOYMENT"),
        (["logs", "cancer/"], "invalid deployment name ''"),
        (["logs", "/blue"], "invalid endpoint name ''"),
        (["logs", "cancer/blue?lines=9"], "invalid deployment name 'blue?lines=9'"),
        (["logs", "cancer/blue", "-n", "0"], "0 is not in the range 1"),
        (["requests", "--limit", "0"], "0 is not in the range 1"),
        (["requests", "--limit", "10001"], "10001 is not in the range"),
        (["requests", "--since", "0"], "--since 0: write minutes, more than 0"),
        (["requests", "--since", "nan"], "--since nan: write minutes"),
        (["requests", "--since", "inf"], "--since inf: write minutes"),
        (["requests", "--since", "soon"], "--since"),
    ],
)
def test_a_mistaken_argument_exits_with_2_and_nothing_is_sent(
    slipway: Slipway, arguments: list[str], said: str
) -> None:
    done = slipway(*arguments, "--url", NOBODY)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_logs_are_printed_as_they_were_written(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/logs/cancer/blue"] = (200, "[/red] first\nlast\n")
    assert slipway("logs", "cancer/blue", "-n", "7", "--url", house.url).stdout == "[/red] first\nlast\n"
    assert house.asked[-1] == ("/v1/logs/cancer/blue", {"lines": ["7"]})
    done = slipway("logs", "cancer/blue", "-o", "json", "--url", house.url)
    assert json.loads(done.stdout) == ["[/red] first", "last"]


def test_what_a_service_refuses_is_told_in_its_words(slipway: Slipway, house: Any) -> None:
    error = {"code": "not_found", "message": "nothing has been written", "request_id": "r"}
    house.answers["/v1/logs/cancer/blue"] = (404, {"error": error})
    blue = {"endpoint": "cancer", "name": "blue", "created_ms": 1, "updated_ms": 1}
    house.answers["/api/v1/endpoints/cancer/deployments/blue"] = (200, blue)
    done = slipway("logs", "cancer/blue", "--url", house.url)
    assert (done.returncode, done.stderr) == (1, "error: nothing has been written\n")


def test_what_the_registry_does_not_know_is_told_so(slipway: Slipway, house: Any) -> None:
    unknown = {"error": {"code": "not_found", "message": "there is no endpoint 'cancer'", "request_id": "r"}}
    house.answers["/v1/logs/cancer/blue"] = (404, {"error": {"code": "not_found", "message": "no logs"}})
    house.answers["/v1/requests"] = house.answers["/v1/summary"] = (200, {"rows": []})
    house.answers["/api/v1/endpoints/cancer"] = (404, unknown)
    house.answers["/api/v1/endpoints/cancer/deployments/blue"] = (404, unknown)
    for command in (["logs", "cancer/blue"], ["requests", "cancer"], ["requests", "cancer", "--summary"]):
        done = slipway(*command, "--url", house.url)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: there is no endpoint 'cancer'\n")


def test_what_a_deleted_endpoint_was_asked_is_shown(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/requests"] = (200, {"rows": [ROW]})
    assert "cancer.blue.1" in slipway("requests", "cancer", "--url", house.url).stdout


def test_what_is_no_service_is_told_with_its_status(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/logs/cancer/blue"] = (502, "bad gateway")
    done = slipway("logs", "cancer/blue", "--url", house.url)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "answered 502: bad gateway" in done.stderr


def test_a_service_that_has_not_announced_itself_is_one_line(slipway: Slipway, house: Any) -> None:
    house.answers["/api/v1/services"] = (200, {"services": []})
    done = slipway("requests", "--url", house.url)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the telemetry has not announced itself" in done.stderr
    assert "`slipway status`" in done.stderr


def test_a_service_that_is_away_is_one_line(slipway: Slipway, house: Any) -> None:
    house.answers["/api/v1/services"] = (
        200,
        {"services": [{"name": "telemetry", "url": NOBODY, "grpc": "", "updated_ms": 1}]},
    )
    done = slipway("requests", "--url", house.url)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"the telemetry at {NOBODY} does not answer" in done.stderr


def test_requests_are_shown_as_they_were_asked(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/requests"] = (200, {"rows": [ROW, ROW | {"backend": "", "duration_ms": -1}]})
    shown = slipway("requests", "cancer", "--deployment", "blue", "--limit", "2", "--url", house.url).stdout
    assert "[/red]" in shown
    assert "cancer.blue.1" in shown
    path, parameters = house.asked[-1]
    assert (path, parameters["endpoint"], parameters["deployment"]) == ("/v1/requests", ["cancer"], ["blue"])
    assert parameters["limit"] == ["2"]


def test_requests_fit_a_terminal_of_80_columns(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/requests"] = (200, {"rows": [ROW | {"path": "/endpoints/cancer/score"}]})
    _, row = slipway("requests", "--url", house.url, COLUMNS="80").stdout.splitlines()
    assert re.split("  +", row.strip()) == [
        "20:49:57Z",
        "200",
        "POST /endpoints/cancer/score",
        "cancer.blue.1",
        "3 ms",
        "4bf92f35",
    ]
    assert "2026-11-23 20:49:57Z" in slipway("requests", "--since", "1441", "--url", house.url).stdout


def test_requests_are_json_for_programs(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/requests"] = (200, {"rows": [ROW]})
    assert json.loads(slipway("requests", "-o", "json", "--url", house.url).stdout) == [ROW]


def test_a_look_back_before_all_time_begins_with_it(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/requests"] = (200, {"rows": []})
    assert "no requests in that time" in slipway("requests", "--since", "1e12", "--url", house.url).stdout
    assert house.asked[-1][1]["since_ms"] == ["0"]


def test_a_summary_of_one_deployment_leaves_the_others_out(slipway: Slipway, house: Any) -> None:
    house.answers["/v1/summary"] = (200, {"rows": [BLUE, GREEN]})
    asked = ["requests", "--summary", "--url", house.url]
    assert json.loads(slipway(*asked, "-o", "json").stdout) == [BLUE, GREEN]
    slipway(*asked, "-o", "json", "--deployment", "green")
    assert house.asked[-1][1]["deployment"] == ["green"]
    assert "cancer/blue" in slipway(*asked).stdout
    assert "-1 ms" not in slipway(*asked).stdout


def test_requests_of_a_model_are_those_of_the_revisions_that_served_it(slipway: Slipway, house: Any) -> None:
    use = {"endpoint": "Cancer", "revision": 1, "image": "i", "image_digest": "d", "since_ms": 1}
    uses = [use | {"deployment": "blue", "state": "live"}, use | {"deployment": "green", "state": None}]
    version = {"name": "cancer", "version": 3, "run_id": None, "path": "", "created_ms": 1, "files": []}
    lineage = [{"version": 2, "source": ""}, {"version": 3, "source": "", "deployments": uses}]
    house.answers["/api/v1/models/cancer/versions/champion"] = (200, version)
    house.answers["/api/v1/models/cancer/versions/2"] = (200, version | {"version": 2})
    house.answers["/api/v1/models/cancer/lineage"] = (200, {"name": "cancer", "versions": lineage})
    house.answers["/v1/requests"] = (200, {"rows": [ROW]})
    assert "cancer.blue.1" in slipway("requests", "--model", "cancer@champion", "--url", house.url).stdout
    assert house.asked[-1][1]["backends"] == ["cancer.blue.1,cancer.green.1"]
    never = slipway("requests", "--model", "cancer:2", "--url", house.url)
    assert (never.returncode, never.stdout) == (1, "")
    assert "no deployment has served cancer:2 yet" in never.stderr
    assert slipway("requests", "--model", "cancer", "--url", house.url).returncode == 2

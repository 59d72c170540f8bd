import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.client import Client
from registry.core.deploying.endpoints import RevisionState
from registry.core.imaging.images import Image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., str]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway deployment`` against the registry."""
    return lambda *words: slipway("deployment", *words, SLIPWAY_URL=url)


@pytest.fixture
def blue(slipway: Slipway, write: Write, url: str, image: Image) -> str:
    """The document of a deployment of an endpoint that is there."""
    assert slipway("endpoint", "create", "-f", write(name="cancer"), SLIPWAY_URL=url).returncode == 0
    return write(name="blue", endpoint_name="cancer", environment={"image": "cancer-onnx:1"})


def play_controller(url: str, state: RevisionState, message: str = "", name: str = "blue") -> None:
    """Wait for a revision and report what became of it."""
    with Client(url) as client:
        desired = client.desired_state()
        while name not in {deployment.name for deployment in client.deployments.list("cancer")}:
            desired = client.desired_state(after=desired.version, wait_s=10.0)
        client.deployments.report_state("cancer", name, 1, state, message)


def test_create_returns_at_once_when_told_not_to_wait(ask: Slipway, blue: str) -> None:
    assert ask("create", "-f", blue, "--no-wait").stdout == "cancer/blue: revision 1 starting\n"


def test_a_set_value_reaches_the_revision(ask: Slipway, blue: str) -> None:
    done = ask("create", "-f", blue, "--no-wait", "--set", "instance_count=3", "-o", "json")
    assert json.loads(done.stdout)["revisions"][0]["instance_count"] == 3


def test_create_waits_until_the_revision_is_live(ask: Slipway, blue: str, url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play_controller, url, RevisionState.LIVE)
        done = ask("create", "-f", blue, "-o", "json")
        playing.result()
    assert json.loads(done.stdout)["revisions"][0]["state"] == "live"


def test_who_has_no_traffic_yet_is_told_how_to_get_some(ask: Slipway, slipway: Slipway, blue: str, url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play_controller, url, RevisionState.LIVE)
        done = ask("create", "-f", blue)
        playing.result()
    assert done.stdout == "cancer/blue: revision 1 live\n"
    assert done.stderr == 'it gets no traffic yet: slipway endpoint update --name cancer --traffic "blue=100"\n'
    assert slipway("endpoint", "update", "--name", "cancer", "--traffic", "blue=100", SLIPWAY_URL=url).returncode == 0
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play_controller, url, RevisionState.LIVE, "", "green")
        done = ask("create", "-f", blue, "--set", "name=green")
        playing.result()
    assert done.stderr.endswith('--traffic "blue=… green=…"\n')


def test_a_failed_revision_stands_beside_the_live_one(ask: Slipway, blue: str, url: str) -> None:
    with Client(url) as client:
        ask("create", "-f", blue, "--no-wait")
        client.deployments.report_state("cancer", "blue", 1, RevisionState.LIVE)
        ask("create", "-f", blue, "--no-wait", "--set", "instance_count=3")
        client.deployments.report_state("cancer", "blue", 2, RevisionState.FAILED, "no memory")
    (row,) = ask("list", "cancer").stdout.splitlines()[1:]
    assert row.split() == [
        "blue",
        "revision",
        "1",
        "cancer-onnx:1",
        "aaaaaaaaaaaa",
        "1",
        "1",
        "never",
        "revision",
        "2",
        "failed",
    ]


def test_an_interrupted_wait_says_that_it_goes_on(ask: Slipway, blue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.cli.deploying.deployments.follow", interrupted)
    done = ask("create", "-f", blue)
    assert done.returncode == 130
    assert done.stderr == "cancer/blue goes on starting: see `slipway deployment show cancer/blue`\n"


def test_more_replicas_than_anybody_means_are_warned_of(ask: Slipway, blue: str) -> None:
    assert ask("create", "-f", blue, "--no-wait").stderr == ""
    done = ask("create", "-f", blue, "--no-wait", "--set", "instance_count=1000")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: 1,000 replicas on ")


def test_a_replica_of_several_workers_is_shown_as_that(ask: Slipway, blue: str) -> None:
    workers = ("--set", "environment_variables.WORKER_COUNT=50")
    done = ask("create", "-f", blue, "--no-wait", "--set", "instance_count=2", *workers)
    assert done.stderr.startswith("warning: 2 replicas of 50 workers on ")
    assert "2 replicas of 50 workers" in ask("show", "cancer/blue").stdout


def test_a_worker_count_that_is_none_is_refused_with_its_place(ask: Slipway, blue: str) -> None:
    done = ask("create", "-f", blue, "--set", "environment_variables.WORKER_COUNT=many")
    assert done.returncode == 2
    assert "environment_variables.WORKER_COUNT: 'many' is no whole number from 1 to 64" in done.stderr


def test_a_revision_that_fails_exits_with_1_and_its_reason(ask: Slipway, blue: str, url: str) -> None:
    reason = "ValueError: no column [age] (score.py:12)"
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play_controller, url, RevisionState.FAILED, reason)
        done = ask("create", "-f", blue)
        playing.result()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith(f"deploy of cancer/blue failed: {reason}\n")
    assert reason in ask("show", "cancer/blue").stdout


def test_a_revision_is_shown_with_how_its_engine_is_set(ask: Slipway, blue: str) -> None:
    batching = ("--set", "batching.enabled=false", "--set", "batching.max_rows=8")
    assert ask("create", "-f", blue, "--no-wait", *batching, "--set", "response_cache.max_bytes=64Mi").returncode == 0
    assert "batching off  max_rows 8  response_cache 64Mi" in ask("show", "cancer/blue").stdout


def test_deployments_are_shown_to_people_and_programs(ask: Slipway, blue: str) -> None:
    ask("create", "-f", blue, "--no-wait")
    assert "revision 1 starting" in ask("show", "cancer/blue").stdout
    assert "revision 1 starting" in ask("list", "cancer").stdout
    assert json.loads(ask("show", "cancer/blue", "-o", "json").stdout)["name"] == "blue"
    assert [one["name"] for one in json.loads(ask("list", "cancer", "-o", "json").stdout)] == ["blue"]


def test_a_deployment_without_traffic_is_deleted(ask: Slipway, blue: str) -> None:
    ask("create", "-f", blue, "--no-wait")
    assert json.loads(ask("delete", "cancer/blue", "-o", "json").stdout) == {"deleted": "cancer/blue"}
    assert ask("list", "cancer").stdout == "cancer has no deployments yet\n"


def test_what_the_registry_finds_wrong_in_a_file_names_it(ask: Slipway, blue: str) -> None:
    done = ask("create", "-f", blue, "--set", "model=cancer:7")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"error: {blue}: model: image cancer-onnx:1 holds cancer:1, not cancer:7")


@pytest.mark.parametrize("missing", ["name", "endpoint_name"])
def test_a_document_without_names_is_refused(ask: Slipway, blue: str, missing: str) -> None:
    done = ask("create", "-f", blue, "--set", f"{missing}=null")
    assert (done.returncode, done.stderr) == (2, f"error: {blue}: a deployment's file needs name and endpoint_name\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cancer", "write ENDPOINT/DEPLOYMENT, for example cancer/blue"),
        ("cancer/", "invalid deployment name ''"),
        ("/blue", "invalid endpoint name ''"),
        ("cancer/blue/1", "invalid deployment name 'blue/1'"),
    ],
)
def test_a_name_that_is_not_a_pair_is_never_sent(slipway: Slipway, name: str, said: str) -> None:
    for command in ("show", "delete"):
        done = slipway("deployment", command, name, SLIPWAY_URL="http://127.0.0.1:1")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr


def test_a_deployment_that_expires_says_when(ask: Slipway, blue: str) -> None:
    made = ask("create", "-f", blue, "--no-wait", "--ttl", "2h")
    assert "it is deleted by itself at 1970-01-01 02:00:01Z\n" in made.stderr
    assert "1970-01-01 02:00:01Z" in ask("list", "cancer").stdout
    assert ask("update", "cancer/blue", "--ttl", "never").stdout == "deployment cancer/blue expires: never\n"
    assert ["expires", "never"] in [line.split() for line in ask("show", "cancer/blue").stdout.splitlines()]


def test_a_replaced_revision_is_shown_with_until_when_it_stays_warm(ask: Slipway, blue: str, url: str) -> None:
    with Client(url) as client:
        for number in (1, 2):
            ask("create", "-f", blue, "--no-wait", "--set", f"instance_count={number}")
            client.deployments.report_state("cancer", "blue", number, RevisionState.LIVE)
    assert "revision 2 took its place  warm until 1970-01-01 00:10:01Z" in ask("show", "cancer/blue").stdout

import json
import subprocess
from collections.abc import Callable

import pytest

from registry.client import Client
from registry.core.deploying.endpoints import RevisionState
from registry.core.imaging.images import Image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., str]
FILE = {"name": "cancer", "tags": {"team": "diagnostics"}}


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    return lambda *words: slipway(*words, SLIPWAY_URL=url)


@pytest.fixture
def endpoint(ask: Slipway, write: Write) -> str:
    """An endpoint's document, applied."""
    path = write(**FILE)
    assert ask("endpoint", "create", "-f", path).returncode == 0
    return path


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_a_plan_of_an_endpoint_says_what_update_then_does(ask: Slipway, endpoint: str) -> None:
    change = ("-f", endpoint, "--set", "tags.team=other", "--set", "traffic_key.header=x-user-id")
    plan = ask("endpoint", "plan", *change)
    assert plan.returncode == 3
    assert ["~", "tags", "team=other", "team=diagnostics", "file", "in", "the", "registry"] in rows(plan.stdout)
    assert ["name", "cancer", "file", "at", "creation"] in rows(plan.stdout)
    sentences = ["at once on every edge: traffic_key.header", "at once, in the registry only: tags"]
    assert [line.strip() for line in plan.stdout.splitlines()[-3:]] == ["cancer: update", *sentences]
    done = ask("endpoint", "update", *change)
    assert (done.returncode, done.stderr.splitlines()) == (0, sentences)
    again = ask("endpoint", "plan", *change)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "cancer: nothing would change")


def test_a_plan_of_a_new_endpoint_leaves_it_to_be_made(ask: Slipway, write: Write) -> None:
    plan = ask("endpoint", "plan", "-f", write(name="cancer"), "-o", "json")
    assert (plan.returncode, json.loads(plan.stdout)["action"]) == (3, "create")
    assert ask("endpoint", "show", "cancer").returncode == 1


def test_a_plan_of_a_deployment_counts_what_would_start(
    ask: Slipway, endpoint: str, write: Write, url: str, image: Image
) -> None:
    path = write(name="blue", endpoint_name="cancer", environment={"image": "cancer-onnx:1"})
    assert ask("deployment", "plan", "-f", path).stdout.splitlines()[0].split() == [
        *("field", "value", "from", "takes", "effect")
    ]
    assert ask("deployment", "create", "-f", path, "--no-wait").returncode == 0
    with Client(url) as client:
        client.deployments.report_state("cancer", "blue", 1, RevisionState.LIVE)
    assert ask("deployment", "plan", "-f", path).returncode == 0
    more = ("-f", path, "--set", "instance_count=3")
    plan = ask("deployment", "plan", *more)
    sentence = "with revision 2, once it is ready: instance_count"
    assert (plan.returncode, plan.stdout.splitlines()[-1].strip()) == (3, sentence)
    assert sentence in ask("deployment", "create", *more, "--no-wait").stderr.splitlines()


def test_creating_again_what_is_live_says_so(ask: Slipway, endpoint: str, write: Write, url: str, image: Image) -> None:
    path = write(name="blue", endpoint_name="cancer", environment={"image": "cancer-onnx:1"})
    ask("deployment", "create", "-f", path, "--no-wait")
    with Client(url) as client:
        client.deployments.report_state("cancer", "blue", 1, RevisionState.LIVE)
    again = ask("deployment", "create", "-f", path)
    assert (again.returncode, again.stdout) == (0, "cancer/blue: revision 1 live\n")
    assert "cancer/blue has this image with these settings already: no new revision\n" in again.stderr


def test_a_mistake_is_told_as_create_tells_it(ask: Slipway, write: Write) -> None:
    path = write(name="blue", endpoint_name="cancer", environment={"image": "a:1"}, instance_cout=2)
    plan, made = (ask("deployment", verb, "-f", path) for verb in ("plan", "create"))
    assert (plan.returncode, plan.stderr) == (made.returncode, made.stderr)
    assert "did you mean 'instance_count'?" in plan.stderr
    away = write(name="blue", endpoint_name="cancer", environment={"image": "a:1"})
    assert (ask("deployment", "plan", "-f", away).returncode, ask("endpoint", "plan", "-f", away).returncode) == (1, 2)

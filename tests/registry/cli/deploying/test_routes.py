import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client import Client
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.imaging.images import Image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str, image: Image) -> Slipway:
    """Run ``slipway endpoint route cancer`` on an endpoint that is half green and half blue, by a JSON field."""
    client = Client(url)
    client.endpoints.create("cancer", EndpointDocument(traffic_key=TrafficKey(json="user.id")))
    for name in ("blue", "green"):
        client.deployments.create(
            "cancer", name, DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
        )
        client.deployments.report_state("cancer", name, 1, RevisionState.LIVE)
    client.endpoints.set_traffic("cancer", {"blue": 50, "green": 50})
    return lambda *words: slipway("endpoint", "route", "cancer", *words, SLIPWAY_URL=url)


def test_where_a_key_leads_is_shown_for_people_and_programs(ask: Slipway) -> None:
    shown = ask("--key", "alice", "--key", "bob", "--traffic", "green=100")
    assert [line.split()[2:] for line in shown.stdout.splitlines()[1:]] == [["0–9999", "green", "1"]] * 2
    assert "would move 50 % of all users" in shown.stderr
    assert "gRPC calls have no json" in shown.stderr
    asked = json.loads(ask("--key", "alice", "--output", "json").stdout)
    assert (asked["source"], asked["routes"][0]["key"]) == ("json:user.id", "alice")


def test_a_file_of_many_keys_is_counted_by_deployment(ask: Slipway, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("".join(f"user-{number}\n" for number in range(12_000)))
    lines = [line.split() for line in ask("--keys-file", str(file)).stdout.splitlines()[1:]]
    assert {line[0] for line in lines} == {"blue", "green"}
    assert sum(int(line[1].replace(",", "")) for line in lines) == 12_000
    routes = json.loads(ask("--keys-file", str(file), "--output", "json").stdout)["routes"]
    assert [route["key"] for route in routes] == file.read_text().splitlines()


def test_keys_that_are_not_there_are_asked_for(ask: Slipway, tmp_path: Path) -> None:
    assert "name the keys" in ask().stderr
    assert ask("--keys-file", str(tmp_path / "none")).returncode == 2

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from serving.node.keeping.entries import Entries
from serving.node.keeping.kept import RECORD, KeptEnvironment

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
SIZE_BYTES = 350_000_000


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node that keeps one environment, used a moment ago."""
    node = tmp_path / "workspace" / "node"
    environment = node / "environments" / "e1"
    environment.mkdir(parents=True)
    record = KeptEnvironment(python="3.11", size_bytes=SIZE_BYTES)
    (environment / RECORD).write_bytes(msgspec.json.encode(record))
    Entries(node, "environments").hold("e1").close()
    return node


def test_what_a_machine_keeps_is_listed_with_its_bound(slipway: Slipway, node: Path) -> None:
    done = slipway("node", "cache", "--output", "json", "--node-cache-gb", "2")
    seen = json.loads(done.stdout)
    assert (seen["bytes"], seen["most_bytes"]) == (SIZE_BYTES, 2_000_000_000)
    assert [(one["kind"], one["key"], one["in_use"]) for one in seen["entries"]] == [("environment", "e1", False)]

    shown = slipway("node", "cache").stdout
    assert "environment Python 3.11" in shown
    assert " GB of at most " in shown


def test_pruning_shows_first_and_does_it_when_told(slipway: Slipway, node: Path) -> None:
    shown = json.loads(slipway("node", "prune", "--output", "json").stdout)
    assert (shown["done"], shown["freed_bytes"]) == (False, SIZE_BYTES)
    assert (node / "environments" / "e1").exists()
    assert "slipway node prune --yes does it" in slipway("node", "prune").stdout

    assert json.loads(slipway("node", "prune", "--older-than", "1", "--yes", "-o", "json").stdout)["entries"] == []
    assert (node / "environments" / "e1").exists()

    assert "given back" in slipway("node", "prune", "--yes").stdout
    assert not (node / "environments" / "e1").exists()


def test_what_runs_is_not_pruned(slipway: Slipway, node: Path) -> None:
    with Entries(node, "environments").hold("e1"):
        assert json.loads(slipway("node", "prune", "--yes", "-o", "json").stdout)["entries"] == []
        assert "now" in slipway("node", "cache").stdout
    assert (node / "environments" / "e1").exists()


def test_a_machine_that_keeps_nothing_says_so(slipway: Slipway, tmp_path: Path) -> None:
    assert "keeps nothing yet" in slipway("node", "cache").stdout
    assert slipway("node", "prune", "--yes").stdout == "nothing is kept that nobody uses\n"
    assert not (tmp_path / "workspace").exists()

import json
import subprocess
from collections.abc import Callable

import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway model`` against the registry."""
    return lambda *words: slipway("model", *words, SLIPWAY_URL=url)


def test_a_runs_artifacts_become_a_version(ask: Slipway, run: str) -> None:
    assert ask("register", "cancer", "--run", run).stdout == "cancer:1, 1 files, 3 bytes\n"
    again = json.loads(ask("register", "cancer", "--run", run, "--description", "better", "-o", "json").stdout)
    assert (again["version"], again["description"], again["files"][0]["path"]) == (2, "better", "model/model.onnx")


def test_models_are_shown_to_people_and_programs(ask: Slipway, run: str) -> None:
    assert ask("list").stdout == "no models yet: slipway model register\n"
    ask("register", "cancer", "--run", run)
    assert "run r1  model/model.onnx" in ask("show", "cancer").stdout
    assert "cancer" in ask("list").stdout
    assert [one["version"] for one in json.loads(ask("show", "cancer", "-o", "json").stdout)["versions"]] == [1]
    assert [one["name"] for one in json.loads(ask("list", "-o", "json").stdout)] == ["cancer"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["register", "cancer", "--run", "nope"], 1, "there is no run 'nope'"),
        (["register", "cancer", "--run", "r1", "--path", "nowhere"], 1, "nowhere"),
        (["register", "can/cer", "--run", "r1"], 2, "invalid model name 'can/cer'"),
        (["show", "tumour"], 1, "there is no model 'tumour'"),
        (["show", ""], 2, "invalid model name ''"),
    ],
)
def test_a_mistake_is_one_line(ask: Slipway, run: str, arguments: list[str], code: int, said: str) -> None:
    done = ask(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert said in done.stderr

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway run`` against the registry."""
    return lambda *words: slipway("run", *words, SLIPWAY_URL=url)


@pytest.fixture
def two(url: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two runs of experiment ``trees``: other depth, other code, the same data."""
    mlflow.set_tracking_uri(url)
    experiment = mlflow.create_experiment("trees")
    ids = []
    for depth, accuracy, line in ((3, 0.5, "fit(3)"), (7, float("nan"), "fit(7)")):
        with mlflow.start_run(experiment_id=experiment, run_name=f"depth-{depth}") as run:
            mlflow.log_params({"depth": depth, "seed": 1})
            mlflow.log_metric("accuracy", accuracy)
            (tmp_path / "train.py").write_text(f"import trees\n{line}\n")
            mlflow.log_artifact(str(tmp_path / "train.py"), "code")
            mlflow.log_text("same", "data.csv")
            ids.append(run.info.run_id)
    yield ids[0], ids[1]
    mlflow.set_tracking_uri("")


def test_runs_are_listed_in_mlflows_order_and_filter(ask: Slipway, two: tuple[str, str]) -> None:
    assert ask("list").stdout.index(two[1][:12]) < ask("list").stdout.index(two[0][:12])
    assert two[1][:12] not in ask("list", "--filter", "params.depth = '3'").stdout
    assert ask("list", "-e", "trees", "--order-by", "params.depth ASC", "-n", "1").stdout.count("depth-3") == 1
    assert [run["metrics"] for run in json.loads(ask("list", "-o", "json").stdout)] == [
        {"accuracy": "NaN"},
        {"accuracy": 0.5},
    ]


def test_a_run_is_shown_by_the_beginning_of_its_id(ask: Slipway, two: tuple[str, str]) -> None:
    shown = ask("show", two[0][:8]).stdout
    for text in (two[0], "depth-3", "trees", "0.5", "code/train.py"):
        assert text in shown
    assert json.loads(ask("show", two[1], "-o", "json").stdout)["params"] == {"depth": "7", "seed": "1"}


def test_what_differs_between_two_runs(ask: Slipway, two: tuple[str, str]) -> None:
    shown = ask("diff", two[0][:8], two[1][:8]).stdout
    for text in ("param depth", "metric accuracy", "NaN", "-fit(3)", "+fit(7)"):
        assert text in shown
    assert "seed" not in shown
    assert "data.csv" not in shown
    found = json.loads(ask("diff", *two, "-o", "json").stdout)
    assert found["params"] == [{"key": "depth", "a": "3", "b": "7"}]
    assert [file["path"] for file in found["files"]] == ["code/train.py"]
    assert ask("diff", two[0], two[0]).stdout == "nothing differs\n"


def test_a_run_is_deleted_and_restored(ask: Slipway, two: tuple[str, str]) -> None:
    assert ask("delete", two[0]).returncode == 0
    assert two[0][:12] not in ask("list").stdout
    assert "deleted" in ask("show", two[0]).stdout
    assert ask("restore", two[0][:8]).returncode == 0
    assert two[0][:12] in ask("list").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nope"], 1, "there is no run 'nope'"),
        (["show", "a"], 2, "at least 4 characters"),
        (["diff", "%%%%", "%%%%"], 1, "there is no run"),
        (["list", "--experiment", "nope"], 1, "nope"),
        (["list", "--filter", "metrics.acc ~ 3"], 2, "~"),
        (["list", "--order-by", "nonsense.x DESC"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_one_line(ask: Slipway, two: tuple[str, str], arguments: list[str], code: int, said: str) -> None:
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr

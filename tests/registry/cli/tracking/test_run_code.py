import json
import subprocess
import sys
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
def runs(url: str) -> Iterator[tuple[str, str]]:
    """Two runs; the first has read a dataset."""
    mlflow.set_tracking_uri(url)
    experiment = mlflow.create_experiment("trees")
    ids = []
    for _ in range(2):
        with mlflow.start_run(experiment_id=experiment) as run:
            ids.append(run.info.run_id)
    data = mlflow.entities.Dataset("rows", "d1234", "http", '{"url": "https://data.example/rows"}')
    tags = [mlflow.entities.InputTag("mlflow.data.context", "training")]
    mlflow.MlflowClient().log_inputs(ids[0], [mlflow.entities.DatasetInput(data, tags)])
    yield ids[0], ids[1]
    mlflow.set_tracking_uri("")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit and a change, and a secret."""
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "fit.py").write_text("import trees\nfit(3)\n")
    who = ["-c", "user.name=ada", "-c", "user.email=a@b"]
    for words in (["init", "-q", "-b", "trees"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    subprocess.run(["git", "remote", "add", "origin", "https://a:hunter2@git.example/trees"], cwd=folder, check=True)
    (folder / "fit.py").write_text("import trees\nfit(4)\n")
    (folder / ".env").write_text("KEY=t0psecret")
    return folder


def snapshot(ask: Slipway, run: str, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return ask("snapshot", run, "--code", str(folder), "--python", sys.executable, *more)


def test_a_run_keeps_what_it_was_made_from(ask: Slipway, runs: tuple[str, str], folder: Path, tmp_path: Path) -> None:
    done = snapshot(ask, runs[0][:8], folder)
    assert done.returncode == 0, done.stderr
    for text in ("1 file", "on trees", "https://git.example/trees", "uncommitted changes", "packages", "'.env'"):
        assert text in done.stdout
    shown = ask("show", runs[0])
    for text in ("snapshot", "https://git.example/trees", "d1234", "data.example", "for training"):
        assert text in shown.stdout
    for secret in ("hunter2", "t0psecret"):
        assert secret not in done.stdout + shown.stdout + ask("show", runs[0], "-o", "json").stdout

    assert ask("code", runs[0], "--to", str(tmp_path / "again")).returncode == 0
    assert (tmp_path / "again/fit.py").read_text() == "import trees\nfit(4)\n"
    assert "exists already" in ask("code", runs[0], "--to", str(tmp_path / "again")).stderr
    assert "no snapshot" in ask("code", runs[1], "--to", str(tmp_path / "other")).stderr


def test_the_diff_of_two_runs_shows_code_git_and_packages(ask: Slipway, runs: tuple[str, str], folder: Path) -> None:
    snapshot(ask, runs[0], folder)
    assert f"run {runs[1]} has no snapshot" in ask("diff", *runs).stdout
    (folder / "fit.py").write_text("import trees\nfit(5)\n")
    (folder / "more.py").write_text("more\n")
    snapshot(ask, runs[1], folder)
    shown = ask("diff", *runs).stdout
    for text in ("code fit.py", "code more.py", "-fit(4)\n+fit(5)", "git uncommitted changes"):
        assert text in shown
    found = json.loads(ask("diff", *runs, "-o", "json").stdout)
    assert [one["path"] for one in found["code"]] == ["fit.py", "more.py"]
    assert (found["git"], found["environment"], found["missing"]) == ([], [], [])


def test_a_run_has_one_snapshot(ask: Slipway, runs: tuple[str, str], folder: Path) -> None:
    assert json.loads(snapshot(ask, runs[0], folder, "-o", "json").stdout)["git"]["dirty"]
    assert snapshot(ask, runs[0], folder).returncode == 0
    (folder / "fit.py").write_text("fit(9)")
    done = snapshot(ask, runs[0], folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not change" in done.stderr


def test_a_folder_without_git_has_a_snapshot_all_the_same(ask: Slipway, runs: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/fit.py").write_text("fit(3)")
    found = json.loads(snapshot(ask, runs[0], tmp_path / "plain", "-o", "json").stdout)
    assert found["git"] is None
    assert [file["path"] for file in found["snapshot"]["files"]] == ["fit.py"]


def test_a_repository_that_git_refuses_is_noted(ask: Slipway, runs: tuple[str, str], folder: Path) -> None:
    (folder / ".git/HEAD").write_text("nonsense")
    found = json.loads(snapshot(ask, runs[0], folder, "-o", "json").stdout)
    assert found["git"] is None
    assert "git is not recorded" in found["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["snapshot", "nope", "--code", "/nowhere"], 1, "there is no run"),
        (["snapshot", "RUN", "--code", "/nowhere"], 2, "no code folder"),
        (["snapshot", "RUN", "--python", "/nowhere"], 2, "there is no Python"),
        (["code", "nope", "--to", "/nowhere/x"], 1, "there is no run"),
    ],
)
def test_a_mistake_is_one_line(ask: Slipway, runs: tuple[str, str], arguments: list[str], code: int, said: str) -> None:
    done = ask(*(runs[0] if word == "RUN" else word for word in arguments))
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr

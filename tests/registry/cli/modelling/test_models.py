import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.imaging.images import Image
from registry.core.modelling.models import Stage
from registry.operations.deploying.deployments import put_deployment
from registry.operations.deploying.endpoints import put_endpoint
from registry.operations.modelling.model_versions import move_to_stage
from registry.operations.modelling.models import describe_model, set_tag
from registry.operations.workspace import Workspace

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

MLMODEL = """
flavors: {}
signature:
  inputs: '[{"type": "double", "name": "radius", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
"""


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway model`` against the registry."""
    return lambda *words: slipway("model", *words, SLIPWAY_URL=url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that some framework has saved."""
    made = tmp_path / "exported model"
    (made / "data").mkdir(parents=True)
    (made / "MLmodel").write_text(MLMODEL)
    (made / "data" / "weights.bin").write_bytes(b"x" * (2 << 20))
    return made


def test_a_runs_artifacts_become_a_version(ask: Slipway, run: str) -> None:
    assert ask("register", "cancer", "--run", run).stdout == "cancer:1, 1 file, 3 bytes\n"
    again = json.loads(ask("register", "cancer", "--run", run, "--description", "better", "-o", "json").stdout)
    assert (again["version"], again["description"], again["files"][0]["path"]) == (2, "better", "model/model.onnx")


def test_models_are_shown_to_people_and_programs(ask: Slipway, run: str) -> None:
    assert ask("list").stdout == "no models yet: slipway model register\n"
    ask("register", "cancer", "--run", run)
    assert "run r1  model/model.onnx" in ask("show", "cancer").stdout
    assert "cancer" in ask("list").stdout
    shown = json.loads(ask("show", "cancer", "-o", "json").stdout)
    assert [one["version"] for one in shown["versions"]] == [1]
    assert (shown["lineage"][0]["run_name"], shown["lineage"][0]["experiment"]) == ("first", "trees")
    assert [one["name"] for one in json.loads(ask("list", "-o", "json").stdout)] == ["cancer"]


def test_a_folder_from_outside_becomes_a_version(ask: Slipway, folder: Path, workspace: Workspace) -> None:
    done = ask("import", "my model", str(folder), "--description", "from a colleague")
    assert done.returncode == 0, done.stderr
    assert "my model:1, 2 files" in done.stdout
    again = json.loads(ask("import", "my model", str(folder / "MLmodel"), "-o", "json").stdout)
    assert [file["path"] for file in again["files"]] == ["MLmodel"]
    first = json.loads(ask("show", "my model", "-o", "json").stdout)["versions"][0]
    assert [file["path"] for file in first["files"]] == ["exported model/MLmodel", "exported model/data/weights.bin"]
    assert (first["description"], first["run_id"]) == ("from a colleague", None)
    assert workspace.blobs.get(f"sha256:{first['files'][0]['sha256']}") == MLMODEL.encode()


def test_a_card_tells_what_a_model_is_and_who_uses_it(
    ask: Slipway, folder: Path, workspace: Workspace, image: Image
) -> None:
    ask("import", "cancer", str(folder))
    describe_model(workspace, "cancer", "# Diagnosis\n\nFrom *cell* pictures.")
    set_tag(workspace, "cancer", "team", "alpha")
    move_to_stage(workspace, "cancer", 1, Stage.PRODUCTION, archive_others=False)
    ask("alias", "cancer", "champion", "latest")
    put_endpoint(workspace, "diagnosis", EndpointDocument())
    put_deployment(
        workspace, "diagnosis", "blue", DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
    )
    shown = ask("show", "cancer").stdout
    for said in (
        "champion=1",
        "imported  exported model/MLmodel, exported model/data/weights.bin",
        "team=alpha",
        "stage: Production",
        "inputs: radius double",
        "outputs: long",
        "images: cancer-onnx:1",
        "used by: diagnosis/blue revision 1 (starting)",
        "From cell pictures.",
    ):
        assert said in shown, shown
    done = ask("delete", "cancer", "1")
    assert done.returncode == 1
    assert "is used by diagnosis/blue" in done.stderr


def test_a_card_is_written_from_a_file_and_read_again(ask: Slipway, run: str, tmp_path: Path, url: str) -> None:
    ask("register", "cancer", "--run", run)
    text = "# Diagnosis [bold]\n\nFrom *cell* pictures; grüße.\n"
    (tmp_path / "card.md").write_text(text)
    assert ask("card", "cancer").stdout == "\n"
    assert ask("card", "cancer", "--file", str(tmp_path / "card.md")).stdout == "the card of cancer has 49 characters\n"
    assert ask("card", "cancer").stdout == f"{text}\n"
    (tmp_path / "card.md").write_text("better")
    assert (
        ask("card", "cancer", "1", "-f", str(tmp_path / "card.md")).stdout == "the card of cancer:1 has 6 characters\n"
    )
    found = json.loads(ask("card", "cancer", "1", "-o", "json").stdout)
    assert found == {"name": "cancer", "version": 1, "card": "better"}
    client = MlflowClient(url)
    assert client.get_registered_model("cancer").description == text
    assert client.get_model_version("cancer", "1").description == "better"
    (tmp_path / "card.md").write_bytes(b"\xff")
    assert "is not text in UTF-8" in ask("card", "cancer", "-f", str(tmp_path / "card.md")).stderr


def test_an_alias_is_moved_and_its_history_is_told(ask: Slipway, run: str) -> None:
    for _ in range(2):
        ask("register", "cancer", "--run", run)
    assert "has moved yet" in ask("history", "cancer").stdout
    assert ask("alias", "cancer", "champion", "1").stdout == "cancer@champion is version 1\n"
    assert ask("alias", "cancer", "champion", "2").stdout == "cancer@champion is version 2\n"
    assert ask("alias", "cancer", "challenger", "champion").stdout == "cancer@challenger is version 2\n"
    assert ask("alias", "cancer", "champion", "--delete").stdout == "cancer@champion is taken away\n"
    moves = json.loads(ask("history", "cancer", "-o", "json").stdout)
    told = [(move["label"], move["before"], move["version"]) for move in moves]
    assert told == [("champion", None, 1), ("champion", 1, 2), ("challenger", None, 2), ("champion", 2, None)]
    assert "champion" in ask("history", "cancer").stdout
    held = json.loads(ask("history", "cancer", "--at", "2100-01-01", "-o", "json").stdout)
    assert [(move["label"], move["version"]) for move in held] == [("challenger", 2)]
    assert "nothing pointed at cancer" in ask("history", "cancer", "--at", "1970-01-01T00:00Z").stdout


def test_an_alias_of_digits_only_is_warned_about(ask: Slipway, run: str) -> None:
    ask("register", "cancer", "--run", run)
    done = ask("alias", "cancer", "3", "1")
    assert (done.returncode, done.stdout) == (0, "cancer@3 is version 1\n")
    assert done.stderr == "warning: cancer:3 is always version 3, not this alias, which only cancer@3 names\n"


def test_what_is_deleted_comes_back(ask: Slipway, run: str) -> None:
    for _ in range(2):
        ask("register", "cancer", "--run", run)
    assert ask("delete", "cancer", "1").stdout == "model cancer:1 deleted\n"
    assert "(there is: 2)" in ask("alias", "cancer", "a", "1").stderr
    assert ask("restore", "cancer", "1").stdout == "model cancer:1 restored\n"
    assert ask("delete", "cancer").stdout == "model cancer deleted\n"
    assert ask("show", "cancer").returncode == 1
    assert ask("restore", "cancer").stdout == "model cancer restored\n"
    assert [one["version"] for one in json.loads(ask("show", "cancer", "-o", "json").stdout)["versions"]] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["register", "cancer", "--run", "nope"], 1, "there is no run 'nope'"),
        (["register", "cancer", "--run", "r1", "--path", "nowhere"], 1, "nowhere"),
        (["register", "can/cer", "--run", "r1"], 2, "invalid model name 'can/cer'"),
        (["show", "tumour"], 1, "there is no model 'tumour'"),
        (["show", ""], 2, "invalid model name ''"),
        (["history", "tumour"], 1, "there is no model 'tumour'"),
        (["history", "tumour", "--at", "yesterday"], 2, "is not a time"),
        (["alias", "tumour", "champion"], 2, "or --delete"),
        (["alias", "tumour", "champion", "1", "--delete"], 2, "not both"),
        (["alias", "tumour", "champion", "1"], 1, "there is no model 'tumour'"),
        (["delete", "tumour"], 1, "there is no model 'tumour'"),
        (["restore", "tumour", "1"], 1, "there is no model 'tumour'"),
        (["import", "tumour", "/nowhere/at/all"], 2, "cannot read /nowhere/at/all: No such file or directory"),
        (["card", "tumour"], 1, "there is no model 'tumour'"),
        (["card", "tumour", "--file", "/nowhere"], 2, "cannot read /nowhere: No such file"),
        (["card", "tumour", "--file", "/dev/null"], 1, "there is no model 'tumour'"),
        (["card", "tumour", "7", "--file", "/dev/null"], 1, "there is no model 'tumour'"),
    ],
)
def test_a_mistake_is_one_line(ask: Slipway, run: str, arguments: list[str], code: int, said: str) -> None:
    done = ask(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert said in done.stderr


@pytest.mark.parametrize(
    "command", ["register", "import", "list", "show", "card", "alias", "history", "delete", "restore"]
)
def test_every_command_helps_with_an_example(ask: Slipway, command: str) -> None:
    done = ask(command, "--help")
    assert done.returncode == 0
    assert f"slipway model {command}" in done.stdout.partition("Example:")[2]

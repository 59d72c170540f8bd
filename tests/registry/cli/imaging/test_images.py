import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from registry.core.imaging.acceleration import CPU, Acceleration, ExecutionProvider, Quantised
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import Image
from registry.operations.imaging.catalog import record_image
from registry.operations.workspace import Workspace

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., str]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway image`` against the registry."""
    return lambda *words: slipway("image", *words, SLIPWAY_URL=url)


def test_images_are_shown_to_people_and_programs(ask: Slipway, image: Image) -> None:
    assert image.digest in ask("show", "cancer-onnx:1").stdout
    assert "cancer-onnx" in ask("list").stdout
    assert json.loads(ask("show", "cancer-onnx", "-o", "json").stdout)["digest"] == image.digest
    assert [one["name"] for one in json.loads(ask("list", "-o", "json").stdout)] == ["cancer-onnx"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code_configuration": {"code": "nowhere", "scoring_script": "score.py"}}, "there is no code folder"),
        ({"environment": {"requirements": "nowhere.txt"}}, "environment.requirements: cannot read"),
        ({"code": "nowhere"}, "code: unknown key 'code'; did you mean 'code_configuration'?"),
        ({"name": "Cancer"}, "invalid image name 'Cancer'"),
        ({"model": "cancer"}, "'cancer' is not a model reference"),
    ],
)
def test_a_document_with_a_mistake_is_one_line(
    ask: Slipway, write: Write, changes: dict[str, object], said: str
) -> None:
    done = ask("build", "-f", write(**{"name": "cancer-gbm", "model": "cancer:1", **changes}))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_the_image_of_a_model_that_is_not_there_exits_with_1(ask: Slipway, write: Write) -> None:
    done = ask("build", "-f", write(name="cancer-gbm", model="azureml:cancer:7"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_a_link_out_of_the_code_folder_is_warned_of(ask: Slipway, write: Write, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/score.py").write_text("x")
    (tmp_path / "code/stolen").symlink_to(__file__)
    code = {"code": "code", "scoring_script": "score.py"}
    done = ask("build", "-f", write(name="cancer-gbm", model="cancer:7", code_configuration=code))
    assert "warning: 'stolen' is not in the image: it is a link out of the folder\n" in done.stderr


def test_a_reference_that_leads_nowhere_is_one_line(ask: Slipway) -> None:
    assert "there is no image 'nowhere:latest'" in ask("show", "nowhere").stderr
    assert ask("show", "A b").returncode == 2


def test_tags_labels_history_and_difference_on_the_command_line(ask: Slipway, image: Image) -> None:
    assert ask("tag", "cancer-onnx:1", "stable").stdout == f"cancer-onnx:stable is {'a' * 12}\n"
    labelled = ask("label", "cancer-onnx:stable", "team=diagnostics", "draft-", "--description", "the first")
    assert labelled.stdout.endswith("team=diagnostics\n")
    (found,) = json.loads(ask("list", "--label", "team=diagnostics", "--tag", "stable", "-o", "json").stdout)
    assert (found["labels"], found["description"]) == ({"team": "diagnostics"}, "the first")
    assert ask("list", "--model", "cancer:2").stdout == "no image is as asked\n"
    assert ask("untag", "cancer-onnx:stable").returncode == 0
    moves = json.loads(ask("history", "cancer-onnx", "-o", "json").stdout)
    assert [(move["tag"], move["digest"]) for move in moves][2:] == [("stable", image.digest), ("stable", None)]
    assert "stable" not in ask("history", "cancer-onnx", "--at", "2100-01-01").stdout
    assert ask("diff", "cancer-onnx:1", "cancer-onnx").stdout == "both are the same image\n"


def test_a_difference_is_headed_by_the_names_that_were_typed(ask: Slipway, workspace: Workspace, image: Image) -> None:
    config = replace(image.config, python="3.12")
    digest = f"sha256:{'b' * 64}"
    record_image(workspace, name="cancer-onnx", digest=digest, config=config, layers=image.layers, size_bytes=1)
    first, second, *_ = ask("diff", "cancer-onnx:1", "cancer-onnx:2").stdout.splitlines()
    assert first.split() == ["cancer-onnx:1", "cancer-onnx:2"]
    assert second.split() == ["a" * 12, "b" * 12]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tag", "cancer-onnx:1", "7"), "the workspace numbers images itself"),
        (("untag", "cancer-onnx"), "names no tag: write NAME:TAG"),
        (("label", "cancer-onnx:1"), "nothing to change"),
        (("label", "cancer-onnx:1", "team"), "write KEY=VALUE, or KEY- to take it away"),
        (("list", "--digest", "abc"), "is not the beginning of a digest"),
        (("history", "cancer-onnx", "--at", "yesterday"), "is not a time"),
    ],
)
def test_a_mistake_about_tags_is_one_line(ask: Slipway, image: Image, words: tuple[str, ...], said: str) -> None:
    done = ask(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_what_prune_would_free_is_shown_first(ask: Slipway, url: str, http: httpx.Client) -> None:
    assert ask("prune").stdout == (
        "a revision or a tag refers to everything that is old enough\n"
        "0 bytes in 0 blobs would be given back, 0 images and 0 other artefacts stay\n"
    )
    done = json.loads(ask("prune", "--keep", "3", "--yes", "-o", "json").stdout)
    assert (done["done"], done["items"]) == (True, [])
    assert ask("prune", "--keep", "-1").returncode == 2
    assert http.post("/api/v1/image-prune", json={"keep": -1}).status_code == 400


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "oci:out"), "says nothing of a base image: give one that has Python 3.11 with --base"),
        (("--to", "out.tar", "--base", "oci:base"), "'out.tar' names no place of a container image: write oci:FOLDER"),
        (("--to", "oci:out", "--base", "docker://python"), "did you mean registry:python?"),
    ],
)
def test_an_export_without_what_it_takes_is_one_line(
    ask: Slipway, image: Image, words: tuple[str, ...], said: str
) -> None:
    done = ask("export", "cancer-onnx:1", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_what_an_image_of_its_kind_has_is_shown(ask: Slipway, workspace: Workspace, image: Image) -> None:
    quantised = Quantised(
        rows=30,
        measure="accuracy",
        before=0.98,
        after=0.97,
        drop=0.01,
        max_error=0.2,
        mean_error=0.01,
        operators=["MatMul"],
        tools={},
    )
    made = Acceleration(
        original=f"sha256:{'b' * 64}",
        calibration=f"sha256:{'c' * 64}",
        label=None,
        max_accuracy_drop=0.02,
        quantised=quantised,
        providers=[ExecutionProvider(name="VitisAIExecutionProvider"), ExecutionProvider(name=CPU)],
        require=[],
    )
    fast_config = replace(image.config, acceleration=made)
    box_config = replace(image.config, docker=ContainerSettings(port=8080))
    for name, config in {"fast": fast_config, "box": box_config}.items():
        record_image(workspace, name=name, digest=image.digest, config=config, layers=[], size_bytes=1)

    fast = ask("show", "fast").stdout
    assert "accuracy 0.9800 before, 0.9700 after, on 30 rows; model bbbbbbbbbbbb, rows cccccccccccc" in fast
    assert "VitisAIExecutionProvider, CPUExecutionProvider" in fast
    assert "ports 8080 and 5002, user 10001:10001, on any base" in ask("show", "box").stdout

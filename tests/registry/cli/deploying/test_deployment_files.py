"""A deployment's file as Azure ML's samples are: with its model, code and dependencies, and no image."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.api.server import RegistryServer, bind
from registry.images.keeping.layout import ImageLayout
from registry.images.quantise import Quantiser
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.workspace import Workspace
from tests.registry.operations.imaging.building import PYTHON, SCRIPT, KnownLocks, KnownRehearsals

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., str]

BASE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"


@pytest.fixture
def url(workspace: Workspace, tmp_path: Path) -> Iterator[str]:
    """The address of a registry that builds images, but resolves nothing."""
    locks = KnownLocks()
    quantiser = Quantiser(locks, tmp_path / "node", PYTHON, "amd64", tmp_path / "notes", [])
    works = ImageWorks(ImageLayout(tmp_path / "images"), locks, "amd64", PYTHON, KnownRehearsals(), quantiser)
    listener = bind("127.0.0.1", 0)
    server = RegistryServer(workspace, works)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    return lambda *words: slipway(*words, SLIPWAY_URL=url)


@pytest.fixture
def sample(ask: Slipway, write: Write, tmp_path: Path) -> str:
    """Azure ML's first sample beside its files, and the endpoint that it names."""
    assert ask("endpoint", "create", "-f", write(name="cancer")).returncode == 0
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.pkl").write_bytes(b"weights")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_bytes(SCRIPT)
    (tmp_path / "conda.yaml").write_text(f"dependencies: [python={PYTHON}, pip, {{pip: [numpy]}}]")
    return write(
        name="blue",
        endpoint_name="cancer",
        model={"path": "model/"},
        code_configuration={"code": "code", "scoring_script": "score.py"},
        environment={"conda_file": "conda.yaml", "image": BASE},
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )


def test_its_image_is_built_and_deployed(ask: Slipway, sample: str) -> None:
    made = ask("deployment", "create", "-f", sample, "--no-wait")
    assert (made.returncode, made.stdout.splitlines()[-1]) == (0, "cancer/blue: revision 1 starting")
    assert f"warning: {BASE} is kept as the image's label base_image" in made.stderr
    assert "built cancer-blue:1" in made.stderr
    image = json.loads(ask("image", "show", "cancer-blue", "-o", "json").stdout)
    assert image["labels"] == {"base_image": BASE}
    deployment = json.loads(ask("deployment", "show", "cancer/blue", "-o", "json").stdout)
    (revision,) = deployment["revisions"]
    assert (revision["image_digest"], revision["models"]) == (image["digest"], {"cancer-blue": 1})


def test_an_endpoint_that_is_not_there_is_told_before_anything_is_built(ask: Slipway, sample: str) -> None:
    made = ask("deployment", "create", "-f", sample, "--set", "endpoint_name=tumour", "--no-wait")
    assert (made.returncode, "there is no endpoint 'tumour'" in made.stderr) == (1, True)
    assert json.loads(ask("image", "list", "-o", "json").stdout) == []
    assert json.loads(ask("model", "list", "-o", "json").stdout) == []


def test_the_same_files_are_the_same_revision(ask: Slipway, sample: str, tmp_path: Path) -> None:
    ask("deployment", "create", "-f", sample, "--no-wait")
    ask("deployment", "create", "-f", sample, "--no-wait")
    deployment = json.loads(ask("deployment", "show", "cancer/blue", "-o", "json").stdout)
    assert [revision["number"] for revision in deployment["revisions"]] == [1]
    plan = ask("deployment", "plan", "-f", sample)
    assert (plan.returncode, plan.stdout.splitlines()[-1]) == (0, "cancer/blue: nothing would change")
    assert "create builds the image cancer-blue from this file first" in plan.stderr
    (tmp_path / "model" / "weights.pkl").write_bytes(b"other weights")
    ask("deployment", "create", "-f", sample, "--no-wait")
    deployment = json.loads(ask("deployment", "show", "cancer/blue", "-o", "json").stdout)
    assert [revision["models"] for revision in deployment["revisions"]] == [{"cancer-blue": 1}, {"cancer-blue": 2}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.path=nowhere", "cannot read"),
        ("model.type=mlflow_model", "there is no MLmodel in it"),
        ("model.version=3", "model.version: a model written inside a deployment has"),
        ("code_configuration.code=nowhere", "there is no code folder"),
        ("environment.build.path=.", "environment.build: Dockerfiles are not supported"),
        ("instance_count=0", "instance_count"),
        ("name=null", "name"),
    ],
)
def test_a_mistake_deploys_nothing(ask: Slipway, sample: str, change: str, said: str) -> None:
    made = ask("deployment", "create", "-f", sample, "--set", change, "--no-wait")
    assert made.returncode == 2
    assert said in made.stderr.splitlines()[-1]
    assert json.loads(ask("deployment", "list", "cancer", "-o", "json").stdout) == []

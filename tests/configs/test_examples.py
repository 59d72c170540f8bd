"""Every example is what its file name says, for our own loaders and for Azure ML's."""

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from registry.core.deploying.documents import load_deployment, load_endpoint
from registry.core.deploying.inline_images import take_apart
from registry.core.imaging.image_documents import load_image
from registry.core.loading import parse_yaml
from registry.core.names import parse_model_reference

with warnings.catch_warnings():  # its schemas are older than its marshmallow
    warnings.simplefilter("ignore")
    from azure.ai.ml import load_online_deployment, load_online_endpoint

pytestmark = pytest.mark.filterwarnings("ignore::Warning:azure", "ignore::Warning:marshmallow")

CONFIGS = Path(__file__).parents[2] / "configs"
EXAMPLES = sorted(path for suffix in ("yaml", "yml") for path in CONFIGS.glob(f"*.{suffix}"))  # the rest is their parts
SCRIPTS = sorted(CONFIGS.rglob("*.py"))


def load_deployment_or_inline(values: Any) -> Any:
    """Read a deployment; one that holds an image's parts is what is left when they are built."""
    inline = take_apart(values)
    return load_deployment(values if inline is None else inline.deployment)


LOADERS: dict[str, Callable[[Any], Any]] = {
    "endpoint": load_endpoint,
    "deployment": load_deployment_or_inline,
    "image": load_image,
}
OUR_OWN_KEYS = {
    "traffic_key",
    "keys",
    "retry",
    "batching",
    "response_cache",
    "keep_warm_s",
    "ttl_s",
}  # azure-ai-ml refuses a document that has one of them


def kind_of(path: Path) -> str:
    return path.stem.partition("-")[0]


def is_azures_too(path: Path) -> bool:
    return not OUR_OWN_KEYS & yaml.safe_load(path.read_text()).keys()


def examples_of(kind: str, wanted: Callable[[Path], bool] = lambda path: True) -> pytest.MarkDecorator:
    found = [path for path in EXAMPLES if kind_of(path) == kind and wanted(path)]
    return pytest.mark.parametrize("path", found, ids=[path.name for path in found])


def load(path: Path) -> Any:
    return LOADERS[kind_of(path)](parse_yaml(path.read_bytes()))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_is_a_document_of_the_kind_in_its_name(path: Path) -> None:
    assert kind_of(path) in LOADERS, f"{path}: begin its name with one of {', '.join(LOADERS)}"
    load(path)


def test_there_is_an_example_of_every_kind() -> None:
    assert {kind_of(path) for path in EXAMPLES} == LOADERS.keys()


@examples_of("endpoint", is_azures_too)
def test_azure_ml_reads_the_same_endpoint(path: Path) -> None:
    ours, azures = load(path), load_online_endpoint(path)
    assert (ours.name, ours.description, ours.auth_mode) == (azures.name, azures.description, azures.auth_mode)
    assert (ours.traffic or {}, ours.tags) == (azures.traffic, azures.tags)
    assert (ours.mirror_traffic or {}) == (azures.mirror_traffic or {})


@examples_of("deployment", is_azures_too)
def test_azure_ml_reads_the_same_deployment(path: Path) -> None:
    ours, azures = load(path), load_online_deployment(path)
    assert (ours.name, ours.endpoint_name, ours.tags) == (azures.name, azures.endpoint_name, azures.tags)
    if take_apart(parse_yaml(path.read_bytes())) is None:
        assert ours.environment.image == azures.environment.image
    assert (ours.instance_count, ours.instance_type) == (azures.instance_count, azures.instance_type)
    assert ours.environment_variables == azures.environment_variables
    assert ours.request_settings.request_timeout_ms == azures.request_settings.request_timeout_ms
    assert parse_model_reference(ours.model) == parse_model_reference(azures.model)


@examples_of("deployment", lambda path: "code_configuration" in path.read_text())
def test_what_a_deployment_holds_is_there(path: Path) -> None:
    inline = take_apart(parse_yaml(path.read_bytes()))
    assert inline is not None
    image = load_image(inline.image)
    assert image.code_configuration is not None
    assert image.environment.conda_file is not None
    code = image.code_configuration
    assert (path.parent / code.code / code.scoring_script).is_file()
    assert (path.parent / image.environment.conda_file).is_file()


@examples_of("image")
def test_what_an_image_names_is_there(path: Path) -> None:
    image = load(path)
    if image.code_configuration is not None:
        code = image.code_configuration
        assert (path.parent / code.code / code.scoring_script).is_file()
    for sample in image.sample_requests:
        assert (path.parent / sample.file).is_file()
    if image.acceleration is not None:
        assert (path.parent / image.acceleration.calibration.data).is_file()
    if image.environment.requirements is not None:
        assert (path.parent / image.environment.requirements).is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_every_script_compiles(script: Path) -> None:
    compile(script.read_bytes(), script, "exec")


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_says_how_it_is_used(path: Path) -> None:
    assert f" -f configs/{path.relative_to(CONFIGS)}" in path.read_text()


def test_the_readme_names_files_that_are_there() -> None:
    named = re.findall(r"configs/[\w./-]*\w", (CONFIGS.parent / "README.md").read_text())
    assert "configs/examples/breast_cancer/rows.json" in named
    assert [path for path in named if not (CONFIGS.parent / path).exists()] == []


def test_the_rows_to_score_have_the_features_that_the_models_take() -> None:
    rows = json.loads((CONFIGS / "examples" / "breast_cancer" / "rows.json").read_text())["data"]
    assert {len(row) for row in rows} == {len(load_breast_cancer().feature_names)}

"""Files that hold model, code and dependencies themselves, as Azure ML's samples do."""

from typing import Any

import pytest

from registry.core.deploying.documents import load_deployment
from registry.core.deploying.inline_images import take_apart
from registry.core.errors import InvalidInput
from registry.core.imaging.image_documents import load_image

# Microsoft's own first sample, managed/sample/blue-deployment.yml, but for its names.
AZURES = {
    "name": "blue",
    "endpoint_name": "Cancer",
    "model": {"path": "../model-1/model/"},
    "code_configuration": {"code": "../model-1/onlinescoring/", "scoring_script": "score.py"},
    "environment": {
        "conda_file": "../model-1/environment/conda.yaml",
        "image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest",
    },
    "instance_type": "Standard_DS3_v2",
    "instance_count": 1,
}


def test_azures_sample_becomes_an_image_and_a_deployment_of_it() -> None:
    inline = take_apart(AZURES)
    assert inline is not None
    assert inline.model is not None
    assert (inline.model.name, inline.model.path) == ("cancer-blue", "../model-1/model/")
    image = load_image(inline.image | {"model": "cancer-blue:1"})
    assert image.code_configuration is not None
    assert (image.code_configuration.code, image.code_configuration.scoring_script) == (
        "../model-1/onlinescoring/",
        "score.py",
    )
    assert (image.name, image.environment.conda_file) == ("cancer-blue", "../model-1/environment/conda.yaml")
    assert image.tags == {"base_image": inline.base}
    deployment = load_deployment(inline.deployment)
    assert (deployment.environment.image, deployment.model) == ("cancer-blue:latest", None)
    assert (deployment.name, deployment.endpoint_name, deployment.instance_type) == (
        "blue",
        "Cancer",
        "Standard_DS3_v2",
    )


def test_a_model_that_is_registered_needs_no_environment() -> None:
    inline = take_apart({"name": "blue", "endpoint_name": "cancer", "model": "azureml:cancer:1"})
    assert inline is not None
    assert inline.image == {"name": "cancer-blue", "model": "azureml:cancer:1"}
    assert load_deployment(inline.deployment).model == "azureml:cancer:1"


def test_a_reference_to_an_environment_is_a_curated_one() -> None:
    values = AZURES | {"environment": "azureml:sklearn:1", "model": "azureml:cancer:1"}
    inline = take_apart(values)
    assert inline is not None
    assert load_image(inline.image).environment.name == "sklearn:1"


def test_what_an_environment_is_called_stays_with_the_deployment() -> None:
    inline = take_apart(AZURES | {"environment": {"name": "mine", "version": 3, "conda_file": "conda.yaml"}})
    assert inline is not None
    environment = load_deployment(inline.deployment).environment
    assert (environment.name, environment.version, environment.image) == ("mine", 3, "cancer-blue:latest")


@pytest.mark.parametrize("environment", [{"image": "cancer-onnx:1"}, {"image": "a:1", "conda_file": None}])
def test_a_file_that_names_an_image_is_left_as_it_is(environment: dict[str, Any]) -> None:
    assert take_apart(AZURES | {"environment": environment}) is None


def test_a_file_that_holds_nothing_is_left_as_it_is() -> None:
    assert take_apart({"name": "blue", "endpoint_name": "cancer"}) is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": {"path": "m", "version": 3}}, "$.model.version"),
        ({"model": {"path": "azureml://datastores/x/paths/m"}}, "$.model.path"),
        ({"model": {"name": "cancer"}}, "$.model.path"),
        ({"model": {"path": "m", "type": "triton_model"}}, "$.model.type"),
        ({"environment": {"conda_file": {"dependencies": []}}}, "$.environment.conda_file"),
    ],
)
def test_what_no_image_can_be_built_from_is_refused_by_name(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        take_apart(AZURES | change)
    assert caught.value.details["path"] == path

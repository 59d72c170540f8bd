from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.core.imaging.image_documents import load_image, parse_models
from registry.core.loading import parse_yaml


def test_an_image_document_names_model_code_and_environment() -> None:
    document = load_image(
        parse_yaml("""
        name: cancer-gbm
        model: azureml:cancer:2
        code_configuration: {code: src, scoring_script: score.py}
        environment: {python_version: "3.11", requirements: requirements.txt}
        tags: {team: alpha}
        """)
    )
    assert document.code_configuration is not None
    assert document.code_configuration.scoring_script == "score.py"
    assert document.environment.python_version == "3.11"


def test_an_image_document_without_a_model_says_so() -> None:
    with pytest.raises(InvalidInput, match=r"\$\.model: an image holds a model at least"):
        load_image({"name": "cancer"})


def test_an_image_document_may_name_several_models() -> None:
    document = load_image({"name": "cancer", "models": ["cancer:1", "scaler@champion"]})
    assert [reference.name for reference in parse_models(document.model, document.models)] == ["cancer", "scaler"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "cancer:1", "models": ["cancer:2"]}, "not both"),
        ({"models": ["cancer"]}, "'cancer' is not a model reference"),
        ({"models": "cancer:1"}, "models"),
        ({"model": "cancer:1", "environment": {"python_version": 3.1}}, 'write it in quotes, such as "3.11"'),
        ({"model": "cancer:1", "environment": {"requirements": "a", "conda_file": "b"}}, "are both given"),
        ({"model": "cancer:1", "modelz": []}, "did you mean 'model"),
        (
            {"kind": "accelerate"},
            r"^\$\.kind: unknown value 'accelerate'; did you mean 'accelerated'\? There is scoring, ",
        ),
        (
            {"sample_requests": [{"file": "a", "door": "/scor"}]},
            r"^\$\.sample_requests\[0\]\.door: unknown value '/scor'; did you mean '/score'\? There is /score, /inv",
        ),
        ({"kind": "zzz"}, "unknown value 'zzz'; there is scoring, "),
    ],
)
def test_an_image_document_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_image({"name": "cancer"} | change)

import json

import pytest

from registry.core.tracking.datasets import DatasetUse, name_source

TAGS = json.dumps({"tags": {"mlflow.user": "ada", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL"}})


@pytest.mark.parametrize(
    ("source_type", "source", "name"),
    [
        ("code", TAGS, "train.py"),
        ("code", '{"tags": {"mlflow.user": "ada"}}', '{"tags": {"mlflow.user": "ada"}}'),
        ("code", '{"tags": {"mlflow.source.name": null}}', '{"tags": {"mlflow.source.name": null}}'),
        ("code", '{"tags": ', '{"tags": '),
        ("http", TAGS, TAGS),
    ],
)
def test_data_that_a_script_made_is_told_by_the_script(source_type: str, source: str, name: str) -> None:
    use = DatasetUse(name="rows", digest="d1", source_type=source_type, source=source, context=None)
    assert name_source(use) == name

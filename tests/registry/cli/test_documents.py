from pathlib import Path
from typing import Any

import pytest

from registry.cli.documents import read_document
from registry.core.errors import InvalidInput


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "blue.yaml"
    path.write_text("name: blue\nrequest_settings:\n  request_timeout_ms: 5000\n")
    return path


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("name=green", ["name"], "green"),
        ("instance_count=2", ["instance_count"], 2),
        ("model=azureml:cancer:2", ["model"], "azureml:cancer:2"),
        ("request_settings.request_timeout_ms=7", ["request_settings", "request_timeout_ms"], 7),
        ("traffic.blue=12.5", ["traffic", "blue"], 12.5),
        ("environment_variables.URL=a=b", ["environment_variables", "URL"], "a=b"),
        ("environment_variables.WORKERS='4'", ["environment_variables", "WORKERS"], "4"),
        ("traffic={blue: 90, green: 10}", ["traffic"], {"blue": 90, "green": 10}),
        ("description=", ["description"], None),
    ],
)
def test_an_override_is_set_over_the_file(document: Path, override: str, path: list[str], value: Any) -> None:
    found: Any = read_document(document, [override])
    for key in path:
        found = found[key]
    assert found == value


def test_the_last_of_equal_overrides_wins(document: Path) -> None:
    assert read_document(document, ["name=green", "name=red"])["name"] == "red"


@pytest.mark.parametrize("override", ["name", "=green", ".name=green", "name.=x", "a..b=1"])
def test_an_override_that_names_nothing_is_refused(document: Path, override: str) -> None:
    with pytest.raises(InvalidInput, match=r"write key\.path=value"):
        read_document(document, [override])


def test_an_override_below_a_value_is_refused(document: Path) -> None:
    with pytest.raises(InvalidInput, match="name holds no keys"):
        read_document(document, ["name.first=x"])


def test_an_override_that_is_no_yaml_is_refused(document: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^--set 'name=\[a': this is not YAML"):
        read_document(document, ["name=[a"])


@pytest.mark.parametrize("content", ["a: [", "\t- x", "- 1\n- 2", "", "text"])
def test_a_file_that_is_no_mapping_is_refused_by_name(document: Path, content: str) -> None:
    document.write_text(content)
    with pytest.raises(InvalidInput, match=f"^{document}: "):
        read_document(document, [])


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.yaml: No such file"):
        read_document(tmp_path / "nowhere.yaml", None)
    with pytest.raises(InvalidInput, match="Is a directory"):
        read_document(tmp_path, None)

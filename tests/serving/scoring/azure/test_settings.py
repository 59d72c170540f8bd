"""Which of Azure ML's variables have an effect, and where else they may be set."""

import json
from pathlib import Path

import pytest

from serving.scoring.azure.settings import Settings, read_settings
from serving.scoring.errors import LoadFailed


def test_nothing_set_is_the_defaults(tmp_path: Path) -> None:
    assert read_settings({}, tmp_path) == Settings(code_dir=tmp_path)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    values = {"SERVICE_NAME": "of the file", "SCORING_TIMEOUT_MS": 1000, "of_the_script": [1]}
    (tmp_path / "config.json").write_text(json.dumps(values))
    read = read_settings({"SERVICE_NAME": "of the environment", "AML_CORS_ORIGINS": "https://a, ,*"}, tmp_path)
    assert (read.service_name, read.scoring_timeout_ms) == ("of the environment", 1000)
    assert read.cors_origins == ("https://a", "*")


def test_a_file_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"SERVICE_VERSION": "1"}')
    (tmp_path / "other.json").write_text('{"SERVICE_VERSION": "2"}')
    assert read_settings({"AZUREML_CONFIG_FILE": "other.json"}, tmp_path).service_version == "2"
    with pytest.raises(LoadFailed, match=r"AZUREML_CONFIG_FILE=missing\.json cannot be read"):
        read_settings({"AZUREML_CONFIG_FILE": "missing.json"}, tmp_path)


@pytest.mark.parametrize("text", ["[1]", "{", "\xff", "[" * 100_000])
def test_a_config_of_the_scripts_own_is_none_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    assert read_settings({}, tmp_path) == Settings(code_dir=tmp_path)


@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "soon", "²"])
def test_a_time_that_is_none_fails_the_load(tmp_path: Path, value: str) -> None:
    with pytest.raises(LoadFailed, match="SCORING_TIMEOUT_MS must be a whole number"):
        read_settings({"SCORING_TIMEOUT_MS": value}, tmp_path)


def test_an_origin_that_is_no_pattern_fails_the_load(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="AML_CORS_ORIGINS"):
        read_settings({"AML_CORS_ORIGINS": "*.example"}, tmp_path)

from typing import Any

import msgspec
import pytest

from registry.core.errors import InvalidInput
from registry.core.imaging.descriptions import read_description

RIGHT: dict[str, Any] = {
    "schema": 1,
    "kind": "scoring",
    "runtime": "script",
    "python": "3.11",
    "environment": f"sha256:{'e' * 64}",
    "models": [{"name": "cancer", "version": 1, "path": "var/azureml-app/azureml-models/cancer/1"}],
    "scoring_script": "src/score.py",
}


def label(**changes: Any) -> str:
    return msgspec.json.encode(RIGHT | changes).decode()


def test_a_description_is_read() -> None:
    config = read_description(label())
    assert (config.models[0].name, config.scoring_script) == ("cancer", "src/score.py")


def test_what_a_newer_version_adds_within_a_schema_is_left_alone() -> None:
    assert read_description(label(hints={"a": 1})) == read_description(label())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 2}, "written to schema 2"),
        ({"kind": "of the future"}, "kind"),
        ({"python": "../../bin/sh"}, "no minor version of Python"),
        ({"python": "2.7"}, "no minor version of Python"),
        ({"environment": "../x"}, "invalid digest name"),
        ({"models": [RIGHT["models"][0] | {"name": "a/b"}]}, "invalid model name"),
        ({"models": [RIGHT["models"][0] | {"name": "a\0b"}]}, "invalid model name"),
        ({"models": [RIGHT["models"][0] | {"path": "../../etc"}]}, "climbs"),
        ({"models": []}, "names 0 models, and an image has 1 to 16"),
        ({"models": RIGHT["models"] * 17}, "names 17 models"),
        ({"models": [RIGHT["models"][0] | {"version": -5}]}, "has version -5: they begin with 1"),
        ({"scoring_script": "/etc/passwd"}, "absolute"),
        ({"hints": "x" * 65_536}, "bytes: 65,536 are the most"),
        ({"samples": [{"name": "../x", "path": "one.json"}]}, "climbs"),
        ({"samples": [{"name": "a/b", "path": "one.json"}]}, "is no file's name"),
        ({"samples": [{"name": "one", "path": "one.json", "content_type": "a\nb"}]}, "is no content type"),
        ({"samples": [{"name": "one", "path": "one.json"}] * 17}, "17 samples are more than the 16"),
        ({"samples": [{"name": "one", "path": "../one.json"}]}, "climbs"),
        ({"docker": {"user": "root"}}, "does not run as root"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_description(label(**changes))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', "[" * 10_000])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_description(text)

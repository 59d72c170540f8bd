import json

import pytest

from tests.conftest import Slipway


def test_curated_environments_are_listed_and_shown(slipway: Slipway, url: str) -> None:
    listed = slipway("environment", "list", "--url", url)
    assert listed.returncode == 0, listed.stderr
    assert "sklearn:1" in listed.stdout

    shown = json.loads(slipway("environment", "show", "sklearn@latest", "--url", url, "--output", "json").stdout)
    assert shown["name"] == "sklearn"
    assert any(pin.startswith("scikit-learn==") for pin in shown["pins"])


@pytest.mark.parametrize(("name", "message"), [("nope", "no curated environment"), ("A B", "names no curated")])
def test_one_that_is_not_there_is_told_with_those_that_are(slipway: Slipway, url: str, name: str, message: str) -> None:
    done = slipway("environment", "show", name, "--url", url)
    assert done.returncode != 0
    assert message in done.stderr

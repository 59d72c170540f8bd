"""Each pin is exact, and all of them resolve: two here, and every one with ``make check-curated``."""

import os
import re

import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.environments import CuratedEnvironment
from registry.images.environments.base import wanted
from registry.images.environments.curated import all_curated, find_curated
from registry.images.lock import PLATFORMS, check_requirements, compile_lock
from registry.images.scoring import scoring_requirements

OFTEN = {("sklearn", "3.11", "amd64"), ("onnxruntime", "3.13", "arm64")}
CASES = [
    pytest.param(one, python, architecture, id=f"{one.reference}-{python}-{architecture}")
    for one in all_curated()
    for python in one.python
    for architecture in PLATFORMS
    if (one.name, python, architecture) in OFTEN or "SLIPWAY_CHECK_CURATED" in os.environ
]


def locked(lock: bytes) -> dict[str, str]:
    found = re.findall(rb"^([\w.-]+)==(\S+)", lock, re.MULTILINE)
    return {name.decode(): version.decode() for name, version in found}


@pytest.mark.parametrize(("one", "python", "architecture"), CASES)
def test_a_curated_environment_resolves_to_its_pins_and_nothing_else(
    one: CuratedEnvironment, python: str, architecture: str
) -> None:
    own = check_requirements(scoring_requirements())
    try:
        lock = compile_lock(one.pins, own, python, architecture)
    except BuildFailed as error:
        if not one.remedy:
            raise
        pytest.skip(f"NOT TESTED: {one.remedy} ({error.message.splitlines()[-1]})")
    found = locked(lock)

    pinned = {pin.partition("==")[0]: pin for pin in one.pins}
    assert found.keys() <= pinned.keys()
    assert set(one.packages) & found.keys()


@pytest.mark.parametrize("one", all_curated(), ids=lambda one: one.reference)
def test_every_pin_is_exact(one: CuratedEnvironment) -> None:
    pins = wanted(one.reference, "\n".join(one.pins)).requirements

    assert [pin for pin in pins if not re.match(r"[\w.-]+==[\w.+]+(?: ;|\Z)", pin)] == []
    assert set(one.packages) <= {pin.partition("==")[0] for pin in pins}
    assert not any("nvidia" in pin for pin in pins)


def test_the_frameworks_that_people_use_are_there() -> None:
    names = {one.name for one in all_curated()}

    assert names >= {"sklearn", "xgboost", "lightgbm", "pytorch", "tensorflow", "onnxruntime"}


def test_a_name_without_a_version_means_the_latest() -> None:
    latest = find_curated("sklearn")

    assert find_curated("sklearn@latest") == latest == find_curated(latest.reference)
    assert latest.version == max(one.version for one in all_curated() if one.name == "sklearn")

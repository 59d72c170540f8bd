from pathlib import Path

import pytest

from registry.core.errors import BuildFailed, InvalidInput, NotFound, SlipwayError
from registry.core.imaging.environments import EnvironmentRequest
from registry.images.environments.base import Wanted
from registry.images.environments.choose import check_request, choose_environment, resolve
from registry.images.inputs import ModelInput
from registry.images.lock import Locks
from registry.images.pack import entry_of_bytes

PLAIN = ModelInput("cancer", 1, None, (entry_of_bytes("model.pkl", b""),))
LOGGED = ModelInput(
    "cancer",
    1,
    None,
    (
        entry_of_bytes("MLmodel", b""),
        entry_of_bytes("requirements.txt", b"mlflow==3.1"),
        entry_of_bytes("python_env.yaml", b"python: 3.12.1"),
    ),
)


def chosen(request: EnvironmentRequest, model: ModelInput = PLAIN, *, needs_code: bool = True) -> tuple[list[str], str]:
    found, python = choose_environment(request, [model], needs_code=needs_code, default_python="3.13")
    return [requirement for one in found for requirement in one.requirements], python


def test_nothing_asked_for_is_nothing_and_the_default_python() -> None:
    assert chosen(EnvironmentRequest()) == ([], "3.13")


def test_a_model_of_mlflow_brings_its_own_unless_another_is_named_or_no_code_runs() -> None:
    assert chosen(EnvironmentRequest(), LOGGED) == (["mlflow==3.1"], "3.12")
    assert chosen(EnvironmentRequest(mlflow=True), LOGGED) == (["mlflow==3.1"], "3.12")
    assert chosen(EnvironmentRequest(requirements="click"), LOGGED) == (["click"], "3.13")
    assert chosen(EnvironmentRequest(), LOGGED, needs_code=False) == ([], "3.13")


def test_the_request_decides_on_python_before_its_sources() -> None:
    assert chosen(EnvironmentRequest(python_version="3.9"), LOGGED)[1] == "3.9"
    assert chosen(EnvironmentRequest(conda_file="dependencies: [python=3.10]"))[1] == "3.10"


def test_a_curated_environment_is_extended_by_requirements() -> None:
    requirements, python = chosen(EnvironmentRequest(name="sklearn:1", requirements="click==8.1.7"))

    assert requirements[0] == "click==8.1.7"
    assert any(line.startswith("scikit-learn==") for line in requirements)
    assert python == "3.13"


def test_a_curated_environment_is_for_the_registrys_python_or_the_first_it_is_made_for() -> None:
    request = EnvironmentRequest(name="sklearn:1")
    pythons = [
        choose_environment(request, [PLAIN], needs_code=True, default_python=default)[1] for default in ("3.12", "3.9")
    ]

    assert pythons == ["3.12", "3.11"]


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (EnvironmentRequest(requirements="", pyproject=""), InvalidInput, "requirements and pyproject are both given"),
        (EnvironmentRequest(requirements="", mlflow=True), InvalidInput, "requirements and mlflow are both given"),
        (EnvironmentRequest(extras=["x"]), InvalidInput, "extras are a pyproject's"),
        (EnvironmentRequest(name="sklearn:x"), InvalidInput, "names no curated environment"),
        (EnvironmentRequest(name="sklearn:999"), NotFound, r"no curated environment .*sklearn:1"),
        (EnvironmentRequest(python_version="3.8"), BuildFailed, "from 3.9 on"),
        (EnvironmentRequest(conda_file="dependencies: [numpy]"), BuildFailed, "would come from conda"),
        (EnvironmentRequest(pyproject="["), BuildFailed, "not TOML"),
    ],
)
def test_a_request_that_can_never_work_is_refused_before_the_build(
    request_: EnvironmentRequest, error: type[SlipwayError], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_request(request_)


def test_a_python_that_the_project_does_not_admit_is_refused() -> None:
    pyproject = "[project]\nrequires-python = '<3.12'\n"

    with pytest.raises(BuildFailed, match=r"write environment\.python_version"):
        chosen(EnvironmentRequest(pyproject=pyproject))
    assert chosen(EnvironmentRequest(pyproject=pyproject, python_version="3.11")) == ([], "3.11")


def test_what_cannot_be_resolved_says_uvs_reason_and_the_sources_remedy(tmp_path: Path) -> None:
    source = Wanted("environment mine:1", ("click==0.0.1",), remedy="take another")

    with pytest.raises(BuildFailed, match=r"(?s)no version of click==0\.0\.1.*\n\(environment mine:1: take another\)"):
        resolve(Locks(tmp_path), [source], [], "3.11", "amd64")

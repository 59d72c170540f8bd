import pytest

from registry.core.errors import BuildFailed
from registry.images.environments.pyproject import check_requires_python, from_pyproject

PROJECT = """
[project]
name = "mine"
version = "1"
requires-python = ">=3.10,<3.13"
dependencies = ["numpy>=1.26", "click==8.1.7 ; python_version > '3'"]

[project.optional-dependencies]
serve-fast = ["uvloop"]
train = ["scikit-learn"]
"""


def test_a_projects_dependencies_are_the_environment() -> None:
    found = from_pyproject(PROJECT, [])

    assert found.requirements == ("numpy>=1.26", "click==8.1.7 ; python_version > '3'")
    assert found.python is None


def test_extras_are_added_when_they_are_asked_for_however_they_are_spelt() -> None:
    assert from_pyproject(PROJECT, ["Serve_Fast"]).requirements[2:] == ("uvloop",)


@pytest.mark.parametrize(
    ("text", "extras", "message"),
    [
        ("[project", [], "is not TOML"),
        ("[project]\ndynamic = 5", [], "dynamic is no list"),
        ("[project]\ndynamic = ['version', 5]", [], "dynamic is no list"),
        ("[tool.poetry]\n", [], r"has no \[project\] table"),
        ("[project]\ndynamic = ['dependencies']", [], "makes its dependencies when it is built"),
        ("[project]\ndependencies = 'numpy'", [], "dependencies is no list"),
        ("[project]\ndependencies = ['-e .']", [], r"pyproject\.toml: requirements, line 1: '-e \.'"),
        (PROJECT, ["gpu"], r"no extra 'gpu' \(there is: serve-fast, train\)"),
    ],
)
def test_a_project_that_cannot_be_read_is_told_why(text: str, extras: list[str], message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        from_pyproject(text, extras)


def test_a_project_that_takes_too_much_to_read_is_told_why() -> None:
    with pytest.raises(BuildFailed, match="is nested too deeply"):
        from_pyproject(f"a = {'[' * 50_000}", [])
    with pytest.raises(BuildFailed, match="a value that is none of its kind"):
        from_pyproject(f"a = {'9' * 6000}", [])


def test_the_python_version_must_be_one_that_the_project_admits() -> None:
    check_requires_python(PROJECT, "3.12")
    check_requires_python(PROJECT.replace(">=3.10,<3.13", ">=3.11.4"), "3.11")
    with pytest.raises(BuildFailed, match=r"requires Python >=3\.10,<3\.13, and the image would have 3\.13"):
        check_requires_python(PROJECT, "3.13")
    with pytest.raises(BuildFailed, match="no version specifier"):
        check_requires_python(PROJECT.replace(">=3.10,<3.13", "new"), "3.13")

import pytest

from registry.core.errors import BuildFailed
from registry.images.environments.conda import from_conda

LOGGED = """
channels: [conda-forge]
dependencies:
- python=3.12.1
- pip<=24.0
- pip:
  - mlflow==3.1
  - scikit-learn==1.6.1
name: mlflow-env
"""


def test_the_pip_part_and_the_python_version_are_taken() -> None:
    found = from_conda(LOGGED)

    assert (found.requirements, found.python) == (("mlflow==3.1", "scikit-learn==1.6.1"), "3.12")


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("python=3.11", "3.11"),
        ("python==3.9.18", "3.9"),
        ("python = 3.10.*", "3.10"),
        ("conda-forge::python=3.11.7=h9f0", "3.11"),
        ("python", None),
    ],
)
def test_a_python_version_is_read_as_conda_writes_it(line: str, python: str | None) -> None:
    assert from_conda(f"dependencies: ['{line}']").python == python


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "dependencies: [numpy=1.26, python=3.11, conda-forge::scipy]",
            r"numpy=1\.26, conda-forge::scipy would come from conda.*`- pip:`",
        ),
        ("dependencies: ['python>=3.9']", r"python>=3\.9 is not one version"),
        ("dependencies: [{pip: [-r requirements.txt]}]", "requirements, line 1: '-r requirements.txt'"),
        ("dependencies: [{npm: [x]}]", "a mapping of npm among the dependencies is neither a package nor a pip list"),
        ("dependencies: [[numpy]]", "a list among the dependencies is neither"),
        ("dependencies: [7]", "a value of type int among the dependencies is neither"),
        ("dependencies: [{pip: [{a: b}]}]", "a mapping of a in the pip list is no requirement"),
        ("dependencies: numpy", "no list of dependencies"),
        ("variables: {A: b}", "variables would have no effect"),
        ("a: [", "not YAML"),
    ],
)
def test_what_images_cannot_hold_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(BuildFailed, match=f"^conda file: .*{message}"):
        from_conda(text)


def test_what_is_refused_is_not_told_at_its_full_length() -> None:
    long = "x" * 100_000
    for item in ("[*a, *a]", "{pip: [[*a]]}", f"'!{long}'", f"{{? {long} : 1}}"):
        with pytest.raises(BuildFailed) as refused:
            from_conda(f"name: &a {long}\ndependencies: [{item}]")
        assert len(refused.value.message) < 300

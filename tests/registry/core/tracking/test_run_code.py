import pytest

from registry.core.errors import InvalidInput
from registry.core.tracking.mlflow_code import environment_of, git_of
from registry.core.tracking.run_code import (
    Environment,
    GitState,
    Origin,
    check_environment,
    check_git,
    without_credentials,
)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://ada:hunter2@git.example/a/b.git", "https://git.example/a/b.git"),
        ("https://t0ken@git.example:8443/a.git", "https://git.example:8443/a.git"),
        ("https://git.example/a.git?access_token=x#y", "https://git.example/a.git"),
        ("ssh://git:pass@git.example/a.git", "ssh://git.example/a.git"),
        ("git@git.example:a/b.git", "git@git.example:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("https://a@b@c/x", "https://c/x"),
        ("https://[broken@x", ""),
    ],
)
def test_an_address_is_kept_without_credentials(address: str, kept: str) -> None:
    assert without_credentials(address) == kept


def test_a_client_that_forgot_to_strip_credentials_is_helped() -> None:
    git = check_git(GitState(remote="https://ada:hunter2@git.example/a", origin=Origin.MLFLOW))
    assert git == GitState(remote="https://git.example/a", origin=Origin.RECORDED)


@pytest.mark.parametrize("commit", ["main", "A" * 40, "a" * 39, "a" * 40 + "\n", "--help"])
def test_what_is_no_commit_is_refused(commit: str) -> None:
    with pytest.raises(InvalidInput, match="not a commit"):
        check_git(GitState(commit=commit))


def test_packages_are_named_as_pypi_compares_them() -> None:
    found = check_environment(Environment(packages={"Typing_Extensions": "4", "PyYAML": "6", "a.b--c": "1"}))
    assert found.packages == {"a-b-c": "1", "pyyaml": "6", "typing-extensions": "4"}


def test_an_environment_has_bounds() -> None:
    with pytest.raises(InvalidInput, match="at most 5000"):
        check_environment(Environment(packages={str(number): "1" for number in range(5001)}))
    with pytest.raises(InvalidInput, match="characters"):
        check_environment(Environment(packages={"a": "1" * 3000}))


def test_mlflows_tags_tell_of_git() -> None:
    tags = {"mlflow.source.git.commit": "abc", "mlflow.source.git.repoURL": "https://x:y@git.example/a"}
    assert git_of(tags) == GitState(commit="abc", remote="https://git.example/a", origin=Origin.MLFLOW)
    assert git_of({"mlflow.source.name": "train.py"}) is None


@pytest.mark.parametrize(
    ("files", "python", "packages"),
    [
        (
            {"requirements.txt": "mlflow==3.1\nNumPy==2.0 ; python_version > '3'\npandas[a]>=2\n-r x\n"},
            "",
            "mlflow numpy",
        ),
        ({"python_env.yaml": "python: 3.11.7\nbuild_dependencies: [pip]\n"}, "3.11.7", ""),
        ({"conda.yaml": "dependencies: [python=3.10.2, pip, {pip: [mlflow==3.1]}]"}, "3.10.2", "mlflow"),
        ({"conda.yaml": "dependencies: 7", "python_env.yaml": "[]", "requirements.txt": "x==1"}, "", "x"),
        ({"conda.yaml": ": : :", "python_env.yaml": "\0", "requirements.txt": "\xff"}, None, ""),
        ({}, None, ""),
    ],
)
def test_the_files_beside_a_model_tell_of_the_environment(files: dict[str, str], python: str, packages: str) -> None:
    found = environment_of(lambda name: files[name].encode("latin-1") if name in files else None)
    if python is None:
        assert found is None
        return
    assert found is not None
    assert (found.python, list(found.packages)) == (python, packages.split())
    assert found.origin is Origin.MLFLOW

"""What MLflow's client leaves of a run's code and environment: tags of the run, and files beside a logged model."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from registry.core.errors import InvalidInput
from registry.core.loading import parse_yaml
from registry.core.tracking.run_code import (
    MAX_PACKAGES,
    Environment,
    GitState,
    Origin,
    package_name,
    without_credentials,
)

COMMIT_TAG = "mlflow.source.git.commit"
BRANCH_TAG = "mlflow.source.git.branch"
REPOSITORY_TAG = "mlflow.source.git.repoURL"
SCRIPT_TAG = "mlflow.source.name"

REQUIREMENTS, PYTHON_ENVIRONMENT, CONDA = "requirements.txt", "python_env.yaml", "conda.yaml"
FILES = (REQUIREMENTS, PYTHON_ENVIRONMENT, CONDA)

_PIN = re.compile(r"\s*([A-Za-z0-9][-\w.]*)(?:\[[^]]*\])?\s*===?\s*([^\s;#]+)")
_CONDA_PIN = re.compile(r"\s*([A-Za-z0-9][-\w.]*)\s*=+\s*([^\s=]+)")

ReadFile = Callable[[str], bytes | None]  # by its name beside the model; None if there is none, or it is too large


def git_of(tags: Mapping[str, str]) -> GitState | None:
    """Return what a run's tags say of git; None if they say nothing."""
    commit, branch, repository = (tags.get(tag) or None for tag in (COMMIT_TAG, BRANCH_TAG, REPOSITORY_TAG))
    if not (commit or branch or repository):
        return None
    remote = without_credentials(repository) if repository else None
    return GitState(commit=commit, branch=branch, remote=remote, origin=Origin.MLFLOW)


def environment_of(read: ReadFile) -> Environment | None:
    """Return what the files beside a logged model say of its environment; None if they say nothing that can be read."""
    described, conda = _mapping(read(PYTHON_ENVIRONMENT)), _mapping(read(CONDA))
    requirements = read(REQUIREMENTS)
    listed = [] if requirements is None else requirements.decode(errors="replace").splitlines()
    others, pip = _conda_lines(conda)
    packages = _pins(_PIN, listed or pip)
    python = _word(described.get("python")) or _pins(_CONDA_PIN, others).get("python", "")
    if not (packages or python):
        return None
    return Environment(python=python, packages=packages, origin=Origin.MLFLOW)


def _conda_lines(document: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return conda's own dependencies, and those of its pip."""
    listed = document.get("dependencies")
    dependencies = listed if isinstance(listed, list) else []
    pip = [line for part in dependencies if isinstance(part, dict) for line in _lines(part.get("pip"))]
    return _lines(dependencies), pip


def _lines(value: object) -> list[str]:
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []


def _pins(pattern: re.Pattern[str], lines: list[str]) -> dict[str, str]:
    found = (pattern.match(line[:500]) for line in lines[:MAX_PACKAGES])
    return dict(sorted((package_name(one[1]), one[2]) for one in found if one))


def _mapping(content: bytes | None) -> dict[str, Any]:
    """Users write these files too: what cannot be read says nothing."""
    if content is None:
        return {}
    try:
        document = parse_yaml(content)
    except InvalidInput:
        return {}
    return document if isinstance(document, dict) else {}


def _word(value: object) -> str:
    return value[:100] if isinstance(value, str) else ""

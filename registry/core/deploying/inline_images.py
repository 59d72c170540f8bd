"""A deployment's file that holds model, code and dependencies itself, as Azure ML's may, and names no image of ours.

Its image is built first, under the name ``ENDPOINT-DEPLOYMENT``; what is left of the file is a deployment of that.
"""

from typing import Any, NamedTuple

from registry.core.errors import InvalidInput

_MODEL_KEYS = ("path", "name", "type", "description")
_MODEL_TYPES = ("custom_model", "mlflow_model")


class InlineModel(NamedTuple):
    """A file or folder, relative to the document, that becomes a version of the model ``name``."""

    name: str
    path: str
    description: str
    is_mlflow: bool


class InlineImage(NamedTuple):
    """``image`` and ``deployment`` are plain values of the two documents. The image's ``model`` is missing where it is
    ``model``; the deployment's image is what was built last. ``base`` is a container image that nothing here runs on.
    """

    name: str
    image: dict[str, Any]
    model: InlineModel | None
    deployment: dict[str, Any]
    base: str | None


def take_apart(values: dict[str, Any]) -> InlineImage | None:
    """Return the image that a deployment's file holds, and the rest; None if it names an image.

    Raises:
        InvalidInput: the file holds a model or dependencies that no image can be built from.
    """
    environment, model = values.get("environment"), values.get("model")
    own = environment if isinstance(environment, dict) else {}
    holds = model is not None or values.get("code_configuration") is not None
    if own.get("conda_file") is None and not isinstance(environment, str) and (own.get("image") or not holds):
        return None
    name = f"{values.get('endpoint_name')}-{values.get('name')}".lower()
    inline = _model(model, name) if isinstance(model, dict) else None
    base = own.get("image")
    image = {
        "name": name,
        "model": None if inline else model,
        "code_configuration": values.get("code_configuration"),
        "environment": _environment(environment, own),
        "tags": None if base is None else {"base_image": base},
    }
    rest = {key: value for key, value in values.items() if key not in ("code_configuration", "environment")}
    kept = {key: value for key, value in own.items() if key not in ("conda_file", "image")}
    return InlineImage(
        name=name,
        image={key: value for key, value in image.items() if value},
        model=inline,
        deployment={
            **{key: value for key, value in rest.items() if not (key == "model" and inline)},
            "environment": {**kept, "image": f"{name}:latest"},
        },
        base=base,
    )


def _environment(environment: Any, own: dict[str, Any]) -> dict[str, Any]:
    if isinstance(environment, str):
        return {"name": environment.removeprefix("azureml:")}
    conda = own.get("conda_file")
    if conda is not None and not isinstance(conda, str):
        path = "$.environment.conda_file"
        raise InvalidInput(f"{path}: write the dependencies into a file of their own, and name that here", path=path)
    return {} if conda is None else {"conda_file": conda}


def _model(model: dict[str, Any], name: str) -> InlineModel:
    for key in model:
        if key not in _MODEL_KEYS:
            _refuse(
                key,
                f"a model written inside a deployment has {', '.join(_MODEL_KEYS)} only; versions are numbered here",
            )
    path, kind = model.get("path"), model.get("type", "custom_model")
    if not isinstance(path, str) or ":" in path:
        _refuse("path", "write a file or folder, relative to this file")
    if kind not in _MODEL_TYPES:
        _refuse("type", f"{kind!r} is not supported, only {' and '.join(_MODEL_TYPES)}")
    return InlineModel(
        name=str(model.get("name", name)),
        path=str(path),
        description=str(model.get("description", "")),
        is_mlflow=kind == "mlflow_model",
    )


def _refuse(key: str, reason: str) -> None:
    raise InvalidInput(f"$.model.{key}: {reason}", path=f"$.model.{key}")

"""The variables of Azure ML's server that have an effect here, of the environment or of the code folder's file.

Which have none, and why, is in README.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import msgspec

from ..errors import LoadFailed

CONFIG_VARIABLE, CONFIG_FILE = "AZUREML_CONFIG_FILE", "config.json"
NAMES = ("SCORING_TIMEOUT_MS", "AML_CORS_ORIGINS", "SERVICE_NAME", "SERVICE_VERSION", "SERVICE_PATH_PREFIX")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """``code_dir`` may hold the user's own swagger documents; ``service_name`` None stands for the model's name."""

    code_dir: Optional[Path] = None
    scoring_timeout_ms: Optional[int] = None
    cors_origins: Tuple[str, ...] = ()
    service_name: Optional[str] = None
    service_version: str = "1.0"
    service_path_prefix: str = ""


def read_settings(environment: Mapping[str, str], code_dir: Path) -> Settings:
    """Read the variables, then for those that are not set the file; other keys of the file are the script's business.

    Raises:
        LoadFailed: the file that AZUREML_CONFIG_FILE names cannot be read, or a value cannot be understood.
    """
    values = {**_file(environment, code_dir), **environment}
    origins = tuple(filter(None, (origin.strip() for origin in values.get("AML_CORS_ORIGINS", "").split(","))))
    for origin in origins:
        _check_origin(origin)
    return Settings(
        code_dir=code_dir,
        scoring_timeout_ms=_milliseconds(values.get("SCORING_TIMEOUT_MS")),
        cors_origins=origins,
        service_name=values.get("SERVICE_NAME"),
        service_version=values.get("SERVICE_VERSION", "1.0"),
        service_path_prefix=values.get("SERVICE_PATH_PREFIX", ""),
    )


def _file(environment: Mapping[str, str], code_dir: Path) -> Dict[str, str]:
    named = environment.get(CONFIG_VARIABLE)
    path = code_dir / named if named else code_dir / CONFIG_FILE
    try:
        document: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        if not named:  # a file of this name that is none of ours, or no file
            return {}
        raise LoadFailed(f"{CONFIG_VARIABLE}={named} cannot be read: {error}") from error
    if not isinstance(document, dict):
        return {}
    return {name: str(document[name]) for name in NAMES if document.get(name) is not None}


def _check_origin(origin: str) -> None:
    try:
        re.compile("" if origin == "*" else origin)
    except re.error as error:
        raise LoadFailed(f"AML_CORS_ORIGINS: {origin!r} is neither an origin nor a pattern: {error}") from error


def _milliseconds(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise LoadFailed(f"SCORING_TIMEOUT_MS must be a whole number of milliseconds above 0, got {text!r}")
    return int(text)

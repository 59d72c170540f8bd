"""A scoring script from its file to the end of its ``init()``.

The module has a private name, so that it clashes with nothing; the code folder is on ``sys.path`` for its own imports.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Iterator

from ..errors import ScriptLoadFailed
from .azureml.entry import entry_of
from .azureml.flask_requests import requests_for
from .azureml.modules import provide_modules
from .azureml.run_batch import batch_entry_of
from .blame import NO_BLAME, Blame
from .script import ScriptRuntime
from .script_batches import BatchedScript
from .users_python import error_line, users_traceback

MODULE = "slipway_entry_script"
TREE_LINES = 200

_log = logging.getLogger("slipway.scoring.script")


def load_script(path: Path, code_dir: Path, blame: Blame = NO_BLAME) -> ScriptRuntime:
    """Import the script, see how its ``run()`` and ``run_batch()`` are to be called, and call its ``init()``.

    Raises:
        ScriptLoadFailed: with what failed and the script's own error and line; the full traceback is in the log.
    """
    module: ModuleType = import_script(path, code_dir)
    requests = requests_for(module.__name__)
    try:
        entry = entry_of(module, requests)
        batch_entry = batch_entry_of(module, entry)
    except ScriptLoadFailed as error:
        raise ScriptLoadFailed(f"{path.name}: {error.message}") from error
    except Exception as error:  # it may be a built-in, or what its decorators made
        raise ScriptLoadFailed(f"{path.name}: how run() is called cannot be found out: {error}") from error
    init_script(module, path, code_dir)
    if batch_entry is not None:
        return BatchedScript(entry, batch_entry, requests, code_dir, blame)
    return ScriptRuntime(entry, requests, code_dir, blame)


def import_script(path: Path, code_dir: Path) -> ModuleType:
    """Import a script, with Azure ML's modules at hand.

    Raises:
        ScriptLoadFailed: it is not there, its import raised, or it has no ``init()`` or ``run()``.
    """
    if not path.is_file():
        raise ScriptLoadFailed(f"there is no scoring script {path.name} in the image's code folder")
    source = os.environ.get("AZUREML_SOURCE_DIRECTORY")
    for folder in (*([code_dir / source] if source else ()), path.parent, code_dir):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    provide_modules()
    spec = importlib.util.spec_from_file_location(MODULE, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise _failed(f"{path.name} could not be loaded", error, code_dir) from error
    for function in ("init", "run"):
        if not callable(getattr(module, function, None)):
            raise ScriptLoadFailed(f"{path.name} has no function {function}()")
    return module


def init_script(module: ModuleType, path: Path, code_dir: Path) -> None:
    """Call a script's ``init()``.

    Raises:
        ScriptLoadFailed: it raised; what its model folder holds is in the log, since that is the usual reason.
    """
    try:
        module.init()
    except BaseException as error:
        failed = _failed(f"init() of {path.name} failed", error, code_dir)
        _log_model_folder()
        raise failed from error


def _failed(what: str, error: BaseException, code_dir: Path) -> ScriptLoadFailed:
    _log.error("%s\n%s", what, users_traceback(error, __file__))
    return ScriptLoadFailed(f"{what}: {error_line(error, code_dir)}")


def _log_model_folder() -> None:
    folder = Path(os.environ.get("AZUREML_MODEL_DIR", ""))
    if not folder.is_absolute() or not folder.is_dir():
        return
    lines = list(itertools.islice(_tree(folder, 1), TREE_LINES + 1)) or ["    (nothing)"]
    more = ["…"] if len(lines) > TREE_LINES else []
    _log.info("AZUREML_MODEL_DIR is %s, which holds:\n%s", folder, "\n".join(lines[:TREE_LINES] + more))


def _tree(folder: Path, depth: int) -> Iterator[str]:
    for child in sorted(folder.iterdir()):
        is_folder = child.is_dir()
        yield f"{'    ' * depth}{child.name}{'/' if is_folder else ''}"
        if is_folder and depth < TREE_LINES:  # a link may lead to a folder above
            yield from _tree(child, depth + 1)

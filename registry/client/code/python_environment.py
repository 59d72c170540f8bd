"""What is installed beside an interpreter, asked of the interpreter itself: it may be another one than ours."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from registry.core.errors import InvalidInput
from registry.core.tracking.run_code import Environment, without_credentials

WITHIN_S = 60

# Runs in the user's Python, of any version. Packages from an address say so, as `pip freeze` does.
_LOOK = """
import sys
sys.path[:] = [path for path in sys.path if path]
import json, platform
from importlib.metadata import distributions
packages = {}
for found in distributions():
    name = found.metadata["Name"]
    if not name or name in packages:
        continue
    direct = json.loads(found.read_text("direct_url.json") or "{}")
    commit = direct.get("vcs_info", {}).get("commit_id", "")
    packages[name] = [found.version or "", direct.get("url", ""), commit]
said = {"python": platform.python_version(), "platform": platform.platform(), "packages": packages}
sys.stdout.buffer.write(json.dumps(said).encode())
"""


class _Said(msgspec.Struct, frozen=True):
    python: str
    platform: str
    packages: dict[str, tuple[str, str, str]]  # version, address, commit


def read_environment(python: str | None = None) -> Environment:
    """Return the environment of an interpreter, by its path or its name; None is the one that runs this.

    Raises:
        InvalidInput: there is no such interpreter, or it does not answer.
    """
    command = python or sys.executable
    found = shutil.which(command)
    if found is None:
        raise InvalidInput(f"there is no Python at {command!r}", python=command)
    words = [str(Path(found).absolute()), "-c", _LOOK]  # not resolved: a virtual environment is known by its link
    try:
        done = subprocess.run(
            words, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S, check=False
        )
        said = msgspec.json.decode(done.stdout, type=_Said)
    except OSError as error:
        raise InvalidInput(f"{command!r} cannot be run: {error.strerror}", python=command) from error
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(f"{command!r} did not tell within {WITHIN_S} s what is installed", python=command) from error
    except msgspec.DecodeError as error:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise InvalidInput(f"{command!r} does not tell what is installed: {last or error}", python=command) from error
    packages = {name: _version(*how) for name, how in said.packages.items()}
    return Environment(python=said.python, platform=said.platform, packages=packages)


def _version(version: str, address: str, commit: str) -> str:
    where = without_credentials(address) if address else ""
    return f"{version} @ {where}{f'@{commit}' if commit else ''}" if where else version

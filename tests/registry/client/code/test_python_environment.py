import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from registry.client.code.python_environment import read_environment
from registry.core.errors import InvalidInput


def test_the_environment_is_that_of_the_interpreter() -> None:
    found = read_environment()
    assert found.python == platform.python_version()
    assert found.packages["msgspec"] == version("msgspec")
    assert read_environment(sys.executable) == found


def test_a_package_from_an_address_says_so_without_its_credentials(tmp_path: Path) -> None:
    info = tmp_path / "trees-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trees\nVersion: 1.0\n")
    (info / "direct_url.json").write_text(
        '{"url": "https://ada:hunter2@git.example/trees.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert read_environment(str(python)).packages["trees"] == "1.0 @ https://git.example/trees.git@abc"


def test_what_is_no_python_is_one_line() -> None:
    with pytest.raises(InvalidInput, match="there is no Python at '/nowhere/python'"):
        read_environment("/nowhere/python")
    with pytest.raises(InvalidInput, match="does not tell"):
        read_environment("/bin/true")

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from registry.cli.main import build

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

SLIPWAY = str(Path(sys.executable).with_name("slipway"))
ROOT = Path(__file__).parents[3]
NOBODY = "http://127.0.0.1:1"


def walk(command: object, *words: str) -> Iterator[tuple[tuple[str, ...], object]]:
    yield words, command
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from walk(inner, *words, name)


TREE = dict(walk(get_command(build())))
GROUPS = [words for words, command in TREE.items() if isinstance(command, TyperGroup)]
COMMANDS = [words for words, command in TREE.items() if not isinstance(command, TyperGroup)]


def example_of(words: tuple[str, ...]) -> str:
    lines = str(getattr(TREE[words], "help", "")).splitlines()
    return next((line.strip().removeprefix("Example: ") for line in lines if "Example: " in line), "")


def test_both_packages_contribute() -> None:
    assert {("endpoint", "create"), ("image", "build"), ("image", "serve"), ("up",)} <= set(COMMANDS)


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_every_group_has_help_with_an_example_of_a_command_in_it(slipway: Slipway, words: tuple[str, ...]) -> None:
    done = slipway(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    if words:
        assert f"Example: {example_of(words)}" in done.stdout
        example = tuple(example_of(words).split())
        assert example[1 : len(words) + 2] in COMMANDS or example[1 : len(words) + 1] == words


def test_what_nobody_types_stands_apart_in_the_help(slipway: Slipway) -> None:
    commands, _, processes = slipway("--help").stdout.partition("Processes that `slipway up` starts")
    for name in ("registry", "controller", "edge", "telemetry"):
        assert f"│ {name} " in processes
        assert f"│ {name} " not in commands


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_shows_its_example_as_it_is_typed(slipway: Slipway, words: tuple[str, ...]) -> None:
    done = slipway(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert example_of(words)
    assert f"Example: {example_of(words)}" in done.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_example_of_every_command_is_one_of_its_own_with_options_it_has(words: tuple[str, ...]) -> None:
    typed = shlex.split(example_of(words).partition(" && ")[0])
    typed = typed[typed.index("slipway") + 1 :]
    assert tuple(typed[: len(words)]) == words
    known = {name for parameter in getattr(TREE[words], "params") for name in parameter.opts}  # noqa: B009
    assert {word for word in typed if word.startswith("-")} <= known
    assert all((ROOT / word).exists() for word in typed if word.startswith("configs/"))


def test_the_version_is_printed(slipway: Slipway) -> None:
    assert slipway("--version").stdout.strip() == "0.1.0"


@pytest.mark.parametrize("arguments", [["endpoint", "shown"], ["endpoint", "show"], ["model", "list", "-o", "xml"]])
def test_a_mistyped_command_exits_with_2(slipway: Slipway, arguments: list[str]) -> None:
    done = slipway(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: " in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["endpoint", "list"],
        ["endpoint", "update", "--name", "cancer", "--traffic", "blue=100"],
        ["deployment", "show", "cancer/blue"],
        ["model", "list", "-o", "json"],
        ["image", "show", "cancer-onnx:1"],
        ["score", "cancer", "-d", "{}", "--key", "k"],
        ["logs", "cancer/blue"],
        ["requests"],
    ],
    ids=" ".join,
)
def test_a_registry_that_is_away_is_one_line_that_says_what_to_do(slipway: Slipway, arguments: list[str]) -> None:
    done = slipway(*arguments, "--url", NOBODY)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: the registry at {NOBODY} does not answer")
    assert "`slipway up`" in done.stderr
    assert "--url" in done.stderr


def test_the_installed_command_exits_with_2_and_one_line_for_a_mistake() -> None:
    typed = [SLIPWAY, "endpoint", "update", "--name", "cancer", "--traffic", "blue:50", "--url", NOBODY]
    done = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --traffic 'blue:50': write \"NAME=PERCENT NAME=PERCENT\"\n"


def test_the_installed_command_exits_with_1_and_one_line_for_a_registry_that_is_away() -> None:
    done = subprocess.run([SLIPWAY, "model", "list", "--url", NOBODY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "Traceback" not in done.stderr

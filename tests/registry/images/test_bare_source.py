import ast
from pathlib import Path

import pytest

from registry.images.bare_source import bare_source
from serving import scoring

SOURCE = '''"""What it is for,
in two lines."""

# A remark.
VALUE = "# no comment"  # a comment


class Empty(Exception):
    """Nothing else."""


def f(x: int) -> str:
    """Say it.

    At length.
    """
    # why
    return f"{x} # {VALUE}"  # and how


async def g() -> None:
    """Nothing either."""
'''


def test_what_is_left_does_the_same_on_the_same_lines() -> None:
    bare = bare_source(SOURCE)
    assert [line.rstrip() for line in bare.split("\n") if line] == [
        'VALUE = "# no comment"',
        "class Empty(Exception):",
        "    pass",
        "def f(x: int) -> str:",
        '    return f"{x} # {VALUE}"',
        "async def g() -> None:",
        "    pass",
    ]
    assert bare.split("\n")[17] == '    return f"{x} # {VALUE}"'


@pytest.mark.parametrize("file", sorted(Path(str(scoring.__file__)).parent.rglob("*.py")), ids=lambda file: file.stem)
def test_the_scoring_process_is_the_same_program_without_them(file: Path) -> None:
    source = file.read_text()
    bare = bare_source(source)
    assert len(bare.split("\n")) == len(source.split("\n"))
    assert statements(bare) == statements(source)


def statements(source: str) -> list[tuple[int, str]]:
    """Every statement with its line, but for docstrings and what stands for a lone one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        lone = isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        if isinstance(node, ast.stmt) and not lone:
            found.append((node.lineno, type(node).__name__))
    return sorted(found)

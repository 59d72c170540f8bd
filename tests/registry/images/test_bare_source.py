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


def f(x: int, *y: "list[int]", ü: dict[
    str, int
] = {}, z=1) -> str:
    """Say it.

    At length.
    """
    # why
    return f"{x} # {VALUE}"  # and how


async def g() -> dict[
    str, int
]:
    """Nothing either."""


class Field:
    name: int = 1
'''


def test_what_is_left_does_the_same_on_the_same_lines() -> None:
    bare = bare_source(SOURCE)
    assert [line.rstrip() for line in bare.split("\n") if line] == [
        'VALUE = "# no comment"',
        "class Empty(Exception):",
        "    pass",
        "def f(x, *y, ü = {}, z=1):",
        '    return f"{x} # {VALUE}"',
        "async def g():",
        "    pass",
        "class Field:",
        "    name: int = 1",
    ]
    assert bare.split("\n")[19] == '    return f"{x} # {VALUE}"'


@pytest.mark.parametrize("file", sorted(Path(str(scoring.__file__)).parent.rglob("*.py")), ids=lambda file: file.stem)
def test_the_scoring_process_is_the_same_program_without_them(file: Path) -> None:
    source = file.read_text()
    bare = bare_source(source)
    assert len(bare.split("\n")) == len(source.split("\n"))
    assert statements(bare) == statements(source)
    assert without_annotations(bare) == without_annotations(source)


def statements(source: str) -> list[tuple[int, str]]:
    """Every statement with its line, but for docstrings and what stands for a lone one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        lone = isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        if isinstance(node, ast.stmt) and not lone:
            found.append((node.lineno, type(node).__name__))
    return sorted(found)


def without_annotations(source: str) -> list[str]:
    """The tree of each function, as far as it runs."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if not isinstance(node, ast.ClassDef):
                node.returns = None
            node.body = node.body[ast.get_docstring(node) is not None :] or [ast.Pass()]
    return [ast.dump(node) for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]

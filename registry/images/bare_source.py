"""Python source without its comments, docstrings and functions' annotations, line for line: what an image carries is
run, and seldom read."""

import ast
import io
import tokenize
from collections.abc import Iterator

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

Span = tuple[int, int, int, int]  # line and column of the beginning and of the end, lines from 0, columns in bytes


def bare_source(source: str) -> str:
    """Return the source with every statement on the line where it was, so that tracebacks name the right one.

    Nothing may read the annotations of its functions; those of classes' fields stay.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source)
    lines = _cut(source.split("\n"), sorted(_annotations(tree), reverse=True))
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            _blank(lines, node)
    comments = [token.start for token in _tokens("\n".join(lines)) if token.type == tokenize.COMMENT]
    for row, column in comments:
        lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def _annotations(tree: ast.Module) -> Iterator[Span]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            end = node.annotation
            begin = node.col_offset + len(node.arg.encode())
            yield node.lineno - 1, begin, (end.end_lineno or 0) - 1, end.end_col_offset or 0
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            end = node.returns
            yield end.lineno - 1, end.col_offset - len(" -> "), (end.end_lineno or 0) - 1, end.end_col_offset or 0


def _cut(lines: list[str], spans: list[Span]) -> list[str]:
    """Leave spans out, the last one first, and the lines where they are."""
    encoded = [line.encode() for line in lines]
    for first, begin, last, end in spans:
        rest = encoded[last][end:]
        encoded[first : last + 1] = [encoded[first][:begin] + rest] + [b""] * (last - first)
    return [line.decode() for line in encoded]


def _blank(lines: list[str], node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    docstring = node.body[0]
    for row in range(docstring.lineno - 1, docstring.end_lineno or docstring.lineno):
        lines[row] = ""
    if len(node.body) == 1:
        lines[docstring.lineno - 1] = " " * docstring.col_offset + "pass"


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))

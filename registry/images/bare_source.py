"""Python source without its comments and docstrings, line for line: what an image carries is run, and seldom read."""

import ast
import io
import tokenize

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def bare_source(source: str) -> str:
    """Return the source with every statement on the line where it was, so that tracebacks name the right one.

    Raises:
        SyntaxError: it is no Python.
    """
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            _blank(lines, node)
    comments = [token.start for token in _tokens("\n".join(lines)) if token.type == tokenize.COMMENT]
    for row, column in comments:
        lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def _blank(lines: list[str], node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    docstring = node.body[0]
    for row in range(docstring.lineno - 1, docstring.end_lineno or docstring.lineno):
        lines[row] = ""
    if len(node.body) == 1:
        lines[docstring.lineno - 1] = " " * docstring.col_offset + "pass"


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))

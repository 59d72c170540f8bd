"""``slipway run diff``."""

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, number, print_json, table
from registry.core.tracking.run_views import Difference, FileDifference, Number, RunDiff

DIGITS = 12  # of a digest


def diff(
    a: str = typer.Argument(..., metavar="A", help="A run's id, or its beginning."),
    b: str = typer.Argument(..., metavar="B", help="Another's."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Compare two runs: params, metrics, tags, git's commit and uncommitted changes, packages, code and files.

    Example: slipway run diff 3f2a 81bc
    """
    found = connect(url).runs.diff(a, b)
    if output is OutputFormat.JSON:
        print_json(found)
        return
    rows = [[*words] for words in (*_values(found), *_files(found))]
    if rows:
        console.print(table(["", found.a[:DIGITS], found.b[:DIGITS]], rows))
    elif not found.missing:
        console.print("nothing differs")
    for line in found.missing:
        console.print(f"not compared: {line}", style="dim", highlight=False, markup=False)
    for one in _file_differences(found):
        if one.patch:
            console.print()
            console.print(one.patch, highlight=False, markup=False, soft_wrap=True)


def _values(found: RunDiff) -> list[tuple[str, str, str]]:
    kinds: tuple[tuple[str, list[Difference]], ...] = (
        ("param ", found.params),
        ("metric ", found.metrics),
        ("tag ", found.tags),
        ("git ", found.git),
        ("", found.environment),
    )
    return [(f"{kind}{one.key}", _cell(one.a), _cell(one.b)) for kind, values in kinds for one in values]


def _files(found: RunDiff) -> list[tuple[str, str, str]]:
    patch = [] if found.uncommitted is None else [found.uncommitted]
    kinds = (("git ", patch), ("code ", found.code), ("file ", found.files))
    return [(f"{kind}{one.path}", _digest(one.a), _digest(one.b)) for kind, values in kinds for one in values]


def _file_differences(found: RunDiff) -> list[FileDifference]:
    return [*([] if found.uncommitted is None else [found.uncommitted]), *found.code, *found.files]


def _digest(value: str | None) -> str:
    return value[:DIGITS] if value else "-"


def _cell(value: Number | None) -> str:
    return "-" if value is None else number(value)

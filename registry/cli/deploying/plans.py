"""``slipway endpoint plan``, ``slipway deployment plan``, and what ``create`` and ``update`` say of their changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.deploying.deployment_file import read_deployment
from registry.cli.documents import FILE_OPTION, SET_OPTION, of_file, read_file
from registry.cli.names import named_endpoint
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, note, pairs, print_json, table
from registry.core.deploying.documents import load_endpoint
from registry.core.deploying.fields import Effect
from registry.core.deploying.plans import Action, Plan, PlannedField

WOULD_CHANGE = 3  # 1 and 2 are failures


def plan_endpoint(
    file: Path = FILE_OPTION,
    overrides: list[str] | None = SET_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Say of every field what creating or updating the endpoint would do, and do nothing. Exits with 3 if anything.

    Example: slipway endpoint plan -f configs/endpoint-sticky.yaml
    """
    values, document = read_file(file, overrides, load_endpoint)
    with of_file(file):
        plan = connect(url).endpoints.plan(named_endpoint(document), values)
    _finish(plan, output)


def plan_deployment(
    file: Path = FILE_OPTION,
    overrides: list[str] | None = SET_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Say of every field what creating the deployment would do, and do nothing. Exits with 3 if anything.

    Of a file that has its image built from it, the newest build is compared.

    Example: slipway deployment plan -f configs/deployment-blue.yaml --set instance_count=3
    """
    read = read_deployment(file, overrides)
    if read.inline is not None:
        note(f"create builds the image {read.inline.name} from this file first; this compares with its newest build")
    with of_file(file):
        plan = connect(url).deployments.plan(read.endpoint, read.name, read.values)
    _finish(plan, output)


def note_changes(changes: Sequence[PlannedField], revision: int | None = None) -> None:
    """Say shortly, on stderr, what became another and when that holds; of what is new, everything is."""
    if any(change.effect is Effect.CREATION for change in changes):
        return
    for sentence in _sentences(changes, revision):
        note(sentence)


def _finish(plan: Plan, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(plan)
    else:
        _show(plan)
    if plan.action is not Action.NOTHING:
        raise typer.Exit(WOULD_CHANGE)


def _show(plan: Plan) -> None:
    update = any(field.before is not None for field in plan.fields)
    headings = ["", "field", "value", *(["now"] if update else []), "from", "takes effect"]
    rows = [
        [
            "~" if update and field.changes else "+" if field.changes else "",
            field.path,
            _text(field.value),
            *([_text(field.before) if field.changes else ""] if update else []),
            field.source,
            field.effect,
        ]
        for field in plan.fields
        if field.effect is not Effect.FILE or field.value is not None
    ]
    console.print(table(headings, rows, whole=("field",)))
    if plan.action is Action.NOTHING:
        console.print(f"{plan.subject}: nothing would change", highlight=False)
        return
    console.print(f"{plan.subject}: {plan.action}", highlight=False)
    for sentence in _sentences(plan.changes, plan.revision):
        console.print(f"  {sentence}", highlight=False, markup=False, soft_wrap=True)


def _sentences(changes: Sequence[PlannedField], revision: int | None) -> list[str]:
    when = {
        Effect.LIVE: "at once on every edge",
        Effect.REVISION: f"with revision {revision}, once it is ready",
        Effect.RECORD: "at once, in the registry only",
    }
    paths = {effect: [change.path for change in changes if change.effect is effect] for effect in when}
    return [f"{when[effect]}: {', '.join(found)}" for effect, found in paths.items() if found]


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case dict():
            return pairs({key: _text(item) for key, item in value.items()})
        case str():
            return value or '""'
        case float():
            return f"{value:g}"
        case _:
            return msgspec.json.encode(value).decode()

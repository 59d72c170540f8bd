"""``slipway image prune``."""

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_rows, short, when
from registry.core.counts import count
from registry.core.imaging.image_prune import PruneOrder, PrunePlan


def prune(
    older_than: float = typer.Option(1.0, min=0.0, help="Only what came at least so many days ago."),
    keep: int | None = typer.Option(None, min=0, help="Of each name only so many numbers hold; default: every number."),
    yes: bool = typer.Option(False, "--yes", help="Do it; without this it is only shown."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Delete images and artefacts that no revision and no tag refers to, and the blobs that nothing needs.

    A number is a tag, unless --keep says how many of them hold. Without --yes it shows what would go, and how much that
    would free, and changes nothing.

    Example: slipway image prune --keep 5 --older-than 30
    """
    images, order = connect(url).images, PruneOrder(older_than_days=older_than, keep=keep)
    plan = images.prune(order) if yes else images.preview_prune(order)
    if output is OutputFormat.JSON:
        print_json(plan)
        return
    columns = {
        "": lambda _: "gone" if plan.done else "would go",
        "image": lambda item: item.reference,
        "digest": lambda item: short(item.digest),
        "came": lambda item: when(item.created_ms),
        "bytes": lambda item: f"{item.bytes:,}",
    }
    print_rows(plan.items, columns, output, empty="a revision or a tag refers to everything that is old enough")
    console.print(_last_line(plan), highlight=False)


def _last_line(plan: PrunePlan) -> str:
    freed = f"{plan.bytes:,} bytes in {count(plan.blobs, 'blob')}"
    others = plan.kept - plan.kept_images
    stay = f"{count(plan.kept_images, 'image')} and {count(others, 'other artefact')} stay"
    if plan.done:
        return f"{freed} given back, {stay}; blobs written within a day go another time"
    do_it = "; do it with --yes" if plan.items or plan.blobs else ""
    return f"{freed} would be given back, {stay}{do_it}"

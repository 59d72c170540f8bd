"""``slipway image tag | untag | label | history | diff``."""

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.moments import AT_OPTION, read_at
from registry.cli.output import (
    OUTPUT_OPTION,
    OutputFormat,
    console,
    print_done,
    print_json,
    print_rows,
    short,
    table,
    when,
)
from registry.core.counts import count
from registry.core.errors import InvalidInput
from registry.core.imaging.image_views import ImageChange, ImageDiff, LayerDifference, Setting

REFERENCE_ARGUMENT = typer.Argument(help="NAME:TAG or NAME@DIGEST")
MOST_FILES = 20  # of a layer, on the screen


def tag(
    reference: str = REFERENCE_ARGUMENT,
    tag: str = typer.Argument(help="What else it is to be called, such as stable."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Point a tag at an image; it leaves what it pointed at before, and the history remembers.

    Example: slipway image tag cancer-gbm:2 stable
    """
    image = connect(url).images.tag(reference, tag)
    print_done(f"{image.name}:{tag} is {short(image.digest)}", image, output)


def untag(
    reference: str = typer.Argument(help="NAME:TAG"), output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION
) -> None:
    """Take a tag away. The image stays, under its number.

    Example: slipway image untag cancer-gbm:stable
    """
    connect(url).images.untag(reference)
    print_done(f"{reference} is taken away", {"deleted": reference}, output)


def label(
    reference: str = REFERENCE_ARGUMENT,
    labels: list[str] = typer.Argument(None, metavar="[KEY=VALUE | KEY-]...", help="KEY- takes it away."),
    description: str | None = typer.Option(None, help="What the image is, in a sentence."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Set or take away an image's metadata tags, or describe it. Its digest stays what it is.

    Example: slipway image label cancer-gbm:2 team=diagnostics reviewed=yes draft-
    """
    change = ImageChange(labels=dict(_label(text) for text in labels or []), description=description)
    if change == ImageChange():
        raise InvalidInput("nothing to change: write KEY=VALUE, KEY- or --description")
    image = connect(url).images.change(reference, change)
    if output is OutputFormat.JSON:
        print_json(image)
        return
    shown = ", ".join(f"{key}={value}" for key, value in sorted(image.labels.items())) or "no labels"
    console.print(f"{image.name} {short(image.digest)}: {shown}", highlight=False, markup=False)


def history(
    name: str = typer.Argument(help="The image's name."),
    at: str | None = AT_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Tell what each tag meant, when, and who moved it; with --at, what held at that time.

    Example: slipway image history cancer-gbm --at 2026-03-01
    """
    found = connect(url).images.history(name, read_at(at))
    columns = {
        "at": lambda move: when(move.at_ms),
        "tag": lambda move: move.tag,
        "digest": lambda move: _digest(move.digest),
        "before": lambda move: _digest(move.before),
        "who": lambda move: move.who or "-",
    }
    print_rows(found.moves, columns, output, empty=f"no tag of {name} pointed at anything at that time")


def diff(
    a: str = typer.Argument(..., metavar="A", help="NAME:TAG or NAME@DIGEST"),
    b: str = typer.Argument(..., metavar="B", help="Another's."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Compare two images: settings, packages, layers and the files in them.

    Example: slipway image diff cancer-gbm:1 cancer-gbm:2
    """
    found = connect(url).images.diff(a, b)
    if output is OutputFormat.JSON:
        print_json(found)
        return
    rows = [_row("", one) for one in found.settings]
    rows += [_row("package ", one) for one in found.packages]
    rows += [row for layer in found.layers for row in _layer_rows(layer)]
    if rows:
        headings = [f"{reference}\n{short(digest)}" for reference, digest in ((a, found.a), (b, found.b))]
        console.print(table(["", *headings], rows))
    console.print(_last_line(found), highlight=False)


def _last_line(found: ImageDiff) -> str:
    if found.a == found.b:
        return "both are the same image"
    are = "is" if found.shared_layers == 1 else "are"
    return f"{count(found.shared_layers, 'layer')} of {found.shared_bytes:,} bytes {are} in both"


def _layer_rows(layer: LayerDifference) -> list[list[str]]:
    cells = [f"{short(one.digest)} {one.size:,} bytes" if one else "-" for one in (layer.a, layer.b)]
    rows = [[f"layer {layer.kind}", *cells]]
    rows += [
        [f"  {one.name}", _digest(one.a), _digest(one.b)]
        for one in sorted(layer.files, key=lambda one: one.name)[:MOST_FILES]
    ]
    if len(layer.files) > MOST_FILES:
        rows.append([f"  and {count(len(layer.files) - MOST_FILES, 'more file')}", "", ""])
    return rows


def _row(prefix: str, one: Setting) -> list[str]:
    return [f"{prefix}{one.name}", one.a or "-", one.b or "-"]


def _digest(digest: str | None) -> str:
    return short(digest) if digest else "-"


def _label(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if equals:
        return key, value
    if text.endswith("-"):
        return text.removesuffix("-"), None
    raise InvalidInput(f"{text!r}: write KEY=VALUE, or KEY- to take it away")

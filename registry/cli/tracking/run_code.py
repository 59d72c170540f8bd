"""``slipway run snapshot`` and ``code``: what a run was made from."""

from pathlib import Path
from shutil import which

import typer
from rich.console import Console

from registry.cli.context import URL_OPTION, connect
from registry.cli.names import RUN_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, note, print_done, print_record, short
from registry.core.counts import count
from registry.core.errors import InvalidInput
from registry.core.tracking.datasets import DatasetUse, name_source
from registry.core.tracking.run_code import Environment, GitState, Origin, RunCode


def snapshot(
    run: str = RUN_ARGUMENT,
    code: Path = typer.Option(Path(), "--code", help="The script's folder; .slipwayignore in it lists what stays out."),
    python: str | None = typer.Option(None, help="The Python that ran it; default: the one that `python` means here."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Keep with a run what it was made from: its code, the state of git and the packages of its Python.

    Each is kept once and never changes. Files that by their name hold secrets stay out, and so do the credentials of
    git's remote.

    Example: slipway run snapshot 3f2a --code ./train --python .venv/bin/python
    """
    interpreter = python or which("python") or which("python3")
    if interpreter is None:
        raise InvalidInput("there is no `python` here: name the one that ran the script with --python")
    if python is None:
        note(f"packages are those of {interpreter}: --python names another")
    with Console(stderr=True, emoji=False).status("reading") as waiting:
        found = connect(url).runs.record_code(run, code, interpreter, waiting.update)
    print_record(found, {"run": run, **code_fields(found)}, output)


def code(
    run: str = RUN_ARGUMENT,
    to: Path = typer.Option(..., "--to", help="A folder that does not exist yet."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Unpack the code that a run was made from.

    Example: slipway run code 3f2a --to ./as-it-was
    """
    files = connect(url).runs.download_code(run, to)
    print_done(f"{count(files, 'file')} of run {run} in {to}", {"run": run, "to": str(to), "files": files}, output)


def code_fields(code: RunCode) -> dict[str, str]:
    """Return what a run was made from as lines of a table."""
    fields = {"script": code.script or ""}
    if code.snapshot:
        files = f"{count(len(code.snapshot.files), 'file')}, " if code.snapshot.files else ""
        fields["snapshot"] = f"{short(code.snapshot.digest)}, {files}{code.snapshot.size:,} bytes"
    fields["git"] = git_line(code.git) if code.git else ""
    fields["environment"] = environment_line(code.environment) if code.environment else ""
    fields["not kept"] = "\n".join(code.notes)
    return {name: text for name, text in fields.items() if text}


def git_line(git: GitState) -> str:
    """Write the state of git: the commit, where it is, and whether that was all."""
    words = [git.commit[:12] if git.commit else "before the first commit" if git.origin is Origin.RECORDED else ""]
    words.append(f"on {git.branch}" if git.branch else "")
    words.append(f"of {git.remote}" if git.remote else "")
    patch = f"({git.patch_bytes:,} bytes of patch)" if git.patch else ""
    words.append(f"with uncommitted changes {patch}".rstrip() if git.dirty else "")
    return " ".join(word for word in words if word)


def environment_line(environment: Environment) -> str:
    """Write an environment: its Python, and how many packages."""
    python = f"Python {environment.python}" if environment.python else ""
    return ", ".join(word for word in (python, count(len(environment.packages), "package")) if word)


def dataset_line(dataset: DatasetUse) -> str:
    """Write a dataset that a run read: digest, where it lies, what for."""
    context = f", for {dataset.context}" if dataset.context else ""
    return f"{dataset.digest}, {dataset.source_type} {name_source(dataset)[:80]}{context}"

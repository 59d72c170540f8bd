"""Progress of the story: a spinner while a step runs, a line with its time when it is done, and the checks' tally."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Stage:
    """``failures`` counts the checks that did not hold."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.failures = 0

    def title(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/]")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show ``text`` while the block runs, then how long it took."""
        began = time.monotonic()
        with self.console.status(text):
            yield
        self.console.print(f"  [green]✓[/] {text} [dim]{time.monotonic() - began:.1f} s[/]", highlight=False)

    def check(self, holds: bool, text: str) -> None:
        """Show a check's outcome and count a failure."""
        self.failures += not holds
        self.console.print(f"  {'[green]✓[/]' if holds else '[bold red]✗[/]'} {text}", highlight=False)

"""The log: one stream on stderr, where the supervisor reads it. What a script prints becomes log lines too."""

from __future__ import annotations

import io
import logging
import sys

FORMAT = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"


class PrintedLines(io.TextIOBase):
    """A stdout that logs every whole line."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._logger.info("%s", line)
        return len(text)

    def flush(self) -> None:
        """A line is logged when it is whole."""


def start_logging() -> None:
    """Log to stderr, and take over stdout."""
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    sys.stdout = PrintedLines(logging.getLogger("slipway.scoring.print"))

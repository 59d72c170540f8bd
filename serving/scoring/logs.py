"""The log: one stream on stderr, where the supervisor reads it. What a script prints becomes log lines too.

The process' own loggers, all below ``slipway``, have a handler of their own on a descriptor of their own: whatever a
script does to the root logger, to ``sys.stdout`` or ``sys.stderr``, they go on. The root logger is the script's.
"""

from __future__ import annotations

import contextvars
import faulthandler
import io
import json
import logging
import logging.config
import os
import sys
import threading
from pathlib import Path
from typing import Any

from .errors import LoadFailed

FORMAT = "%(asctime)s %(levelname).1s [%(process)d] %(name)s%(of_request)s - %(message)s"
OWN = "slipway"
CONFIG_FILE = "logging.json"
MAX_LINE = 64 << 10  # characters printed without a line's end before they are logged all the same

_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


class log_request:  # noqa: N801 - a context manager; a generator would cost each request a microsecond more
    """Let what this thread logs or prints meanwhile name the request."""

    __slots__ = ("_before", "_request_id")

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._before = _request_id.set(self._request_id)

    def __exit__(self, *_: object) -> None:
        _request_id.reset(self._before)


class RequestFilter(logging.Filter):
    """Gives every record ``of_request``: a space and the request's id, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        request_id = _request_id.get()
        if request_id and not request_id.isprintable():
            request_id = ascii(request_id)  # no client writes to the terminal of whoever reads the log
        record.of_request = f" {request_id}" if request_id else ""
        return True


class PrintedLines(io.TextIOWrapper):
    """A stdout that logs every whole line. Its ``buffer`` and ``fileno()`` are the process' own, unlogged."""

    def __init__(self, logger: logging.Logger, descriptor: int) -> None:
        raw = os.fdopen(descriptor, "wb", buffering=0)
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
        self._logger = logger
        self._begun = ""
        self._adding = threading.Lock()

    def write(self, text: str) -> int:
        with self._adding:
            *lines, self._begun = (self._begun + text).split("\n") if "\n" in text else [self._begun + text]
            if len(self._begun) > MAX_LINE:
                lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            self._logger.info("%s", line)
        return len(text)

    def flush(self) -> None:
        """A line is logged when it is whole."""

    def finish(self) -> None:
        """Log what was printed without a line's end."""
        if self._begun:
            self.write("\n")


def start_logging() -> PrintedLines:
    """Log to stderr, and take over stdout."""
    faulthandler.enable(os.dup(2))
    own = logging.getLogger(OWN)
    own.setLevel(logging.INFO)
    own.propagate = False
    own.addHandler(_handler())
    _let_basic_config_work(_handler())
    printed = PrintedLines(logging.getLogger("slipway.scoring.print"), os.dup(1))
    sys.stdout = sys.__stdout__ = printed  # type: ignore[misc] # the second keeps it, or its buffer would be closed
    return printed


def configure_users_logging(code_dir: Path) -> None:
    """Obey the code folder's ``logging.json``, as Azure ML's server does: a document of ``logging.config.dictConfig``.

    Raises:
        LoadFailed: it is none.
    """
    try:
        logging.config.dictConfig(json.loads((code_dir / CONFIG_FILE).read_bytes()))
    except FileNotFoundError:
        return
    except Exception as error:  # of whatever classes it names
        raise LoadFailed(f"{CONFIG_FILE} in the code folder cannot be used: {error}") from error
    finally:
        keep_own_loggers()


def keep_own_loggers() -> None:
    """Undo what ``dictConfig`` does to loggers that exist and are not in its document: it turns them off."""
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.split(".")[0] == OWN:
            logger.disabled = False


def _handler() -> logging.Handler:
    handler = logging.StreamHandler(os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(RequestFilter())
    return handler


def _let_basic_config_work(until_then: logging.Handler) -> None:
    """Log what a script logs, from INFO on, until it calls ``basicConfig()``: then as if nobody had before."""
    root, original = logging.getLogger(), logging.basicConfig
    root.addHandler(until_then)
    root.setLevel(logging.INFO)

    def basic_config(**options: Any) -> None:
        if until_then in root.handlers:
            root.removeHandler(until_then)
            root.setLevel(logging.WARNING)
        original(**options)

    logging.basicConfig = basic_config

"""``make load``: Locust, headless and bounded, against a running workspace; prints Locust's table.

Exit codes: those of Locust (0, or 1 if a request failed), 2 if it could not start.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from loadtest.demo.command import CommandFailed, Slipway

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
MAX_USERS = 1000
MAX_SECONDS = 3600


def locust_command(host: str, users: int, seconds: int) -> list[str]:
    """Return the command line of a run: all users are there within a second or two."""
    options = ["--headless", "--only-summary", "--host", host, "--users", str(users), "--spawn-rate", str(users)]
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *options, "--run-time", f"{seconds}s"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.load", description=__doc__)
    parser.add_argument("--endpoint", default=os.environ.get("SLIPWAY_ENDPOINT", "cancer"))
    parser.add_argument("--key", default=os.environ.get("SLIPWAY_KEY"), help="default: $SLIPWAY_KEY")
    parser.add_argument("--host", help="the edge, http://HOST:8000; default: the running workspace's")
    folder = Path(os.environ.get("SLIPWAY_DIR") or ".slipway")
    parser.add_argument("--dir", type=Path, default=folder, help="the workspace's folder; default: $SLIPWAY_DIR")
    parser.add_argument("--users", type=_bounded(MAX_USERS), default=20)
    parser.add_argument("--seconds", type=_bounded(MAX_SECONDS), default=20)
    options = parser.parse_args()
    if not options.key:
        parser.error("no key: set SLIPWAY_KEY to the endpoint's key (make demo prints it), or pass --key")
    try:
        host = options.host or _edge_url(options.dir)
    except CommandFailed as error:
        print(f"error: {error}; or name the edge with --host", file=sys.stderr)  # noqa: T201 - for a person
        return 2
    environment = os.environ | {"SLIPWAY_KEY": options.key, "SLIPWAY_ENDPOINT": options.endpoint}
    return subprocess.run(locust_command(host, options.users, options.seconds), env=environment, check=False).returncode


def _edge_url(folder: Path) -> str:
    try:
        return str(Slipway(folder.resolve(), dict(os.environ)).json("status")["edge_url"])
    except json.JSONDecodeError as error:
        raise CommandFailed("slipway status gave no JSON") from error


class _bounded:  # noqa: N801 - argparse shows the type's name
    def __init__(self, greatest: int) -> None:
        self._greatest = greatest

    def __call__(self, text: str) -> int:
        value = int(text)
        if not 1 <= value <= self._greatest:
            raise argparse.ArgumentTypeError(f"{value}: from 1 to {self._greatest}")
        return value


if __name__ == "__main__":
    sys.exit(main())

"""``make demo``: tell the story in a workspace of its own, and end what was started for it.

Exit codes: 0 every check held, 1 one did not, or a step failed.
"""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

from rich.console import Console

from loadtest.demo.command import CommandFailed, NotStarted, Slipway
from loadtest.demo.ports import choose_ports
from loadtest.demo.stage import Stage
from loadtest.demo.story import Demo

FOLDER = Path("build/demo")


def main() -> int:
    """Tell the story; return 0, or 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end by itself instead of staying up until Ctrl-C")
    parser.add_argument("--dir", type=Path, default=FOLDER, help="the workspace's folder")
    arguments = parser.parse_args()
    environment = dict(os.environ)
    slipway = Slipway(arguments.dir.resolve(), environment)
    stage = Stage(Console())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return run(Demo(stage, slipway, environment), stays=not arguments.exit)


def run(demo: Demo, *, stays: bool) -> int:
    """Start the workspace, tell the story, and end the workspace; return the exit code.

    A workspace that runs already is left alone: the demo ends only what it started.
    """
    stage, slipway = demo.stage, demo.slipway
    started = False
    try:
        check_idle(slipway)
        started = True
        _start(demo)
        _tell(demo, stays=stays)
    except CommandFailed as error:
        stage.console.print(f"\n[bold red]✗[/] {error}", highlight=False, soft_wrap=True)
        stage.failures += 1
        started = started and not isinstance(error, NotStarted)
    except KeyboardInterrupt:
        stage.console.print("\nstopping")
    finally:
        if started:
            _stop(slipway, stage.console)
    if stage.failures:
        stage.console.print(f"[bold red]{stage.failures} {'check' if stage.failures == 1 else 'checks'} failed[/]")
    return 1 if stage.failures else 0


def check_idle(slipway: Slipway) -> None:
    """Make sure that nothing of the demo's workspace runs. Raises NotStarted."""
    if not (slipway.folder / "workspace.json").exists():
        return
    running = [process for process in slipway.json("status")["processes"] if process["state"] == "running"]
    if running:
        raise NotStarted(
            f"the demo's workspace is running already, and is left as it is: "
            f"end it with Ctrl-C where it was started, or with `slipway down --dir {slipway.folder}`"
        )


def _start(demo: Demo) -> None:
    ports = choose_ports()
    for name, (default, port) in ports.items():
        if port != default:
            demo.stage.console.print(f"port {default} is taken: {name} listens on {port}", highlight=False)
    demo.start([f"--{name}-port={port}" for name, (_, port) in ports.items()])


def _tell(demo: Demo, *, stays: bool) -> None:
    began = time.monotonic()
    console = demo.stage.console
    demo.clear()
    demo.train_models()
    demo.register_models()
    demo.build_images()
    demo.deploy()
    demo.score_everything()
    demo.show_split()
    demo.show_telemetry()
    if stays:
        demo.show_addresses()
    console.print(f"\nfrom training scripts to scored requests in {time.monotonic() - began:.0f} s", highlight=False)
    if stays:
        console.print("the workspace stays up until Ctrl-C")
        threading.Event().wait()


def _stop(slipway: Slipway, console: Console) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
    try:
        slipway.run("down")
    finally:
        signal.signal(signal.SIGINT, before)
    console.print("stopped")


if __name__ == "__main__":
    sys.exit(main())

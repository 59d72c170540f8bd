"""``python -m serving.node.quantise``: quantise a model in an environment of its own. The registry starts it.

The order comes on stdin. It makes the environment of the order's lock, then becomes the quantiser under that
environment's Python; news go to stdout from both. It ends with the thread that started it.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

import serving
from registry.core.imaging.acceleration import QuantiseNews, QuantiseOrder
from serving.node.errors import NodeError
from serving.node.keeping.environments import Environments
from serving.node.keeping.room import open_room
from serving.scoring.lifeline import die_with_parent

NAME = "slipway_quantiser"  # its import name: packages of its environment never clash with ours
_INHERITED = ("PATH", "HOME", "LANG")


def main() -> None:
    die_with_parent()  # kept when it becomes the quantiser
    line = sys.stdin.buffer.readline()
    order = msgspec.json.decode(line, type=QuantiseOrder)
    environments = Environments(open_room(Path(order.node), None))
    try:
        python, hold = environments.ensure(
            Path(order.lock), order.python, Path(order.work) / "wheels", lambda line: _tell(QuantiseNews(line=line))
        )
    except NodeError as error:
        _tell(QuantiseNews(error=error.message))
        return
    os.set_inheritable(hold.descriptor, True)
    (Path(order.work) / "order.json").write_bytes(line)
    _become(python, Path(order.work))


def _become(python: Path, work: Path) -> NoReturn:
    (work / NAME).unlink(missing_ok=True)
    (work / NAME).symlink_to(Path(serving.__path__[0]) / "quantiser", target_is_directory=True)
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # What its tools leave when they are killed goes with the folder.
    variables = {**kept, "PYTHONPATH": str(work), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(work)}
    os.chdir(work)
    os.execve(python, [str(python), "-P", "-m", NAME, "order.json"], variables)  # noqa: S606 - no shell


def _tell(news: QuantiseNews) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(news) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

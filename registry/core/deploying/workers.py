"""How many scoring processes one instance of a deployment has, its *workers*, and what each of them takes of it."""

import re
from collections.abc import Mapping

from registry.core.deploying.fields import Source
from registry.core.errors import InvalidInput
from registry.core.imaging.images import ImageConfig, Runtime

VARIABLE = "WORKER_COUNT"  # Azure ML's
MOST_WORKERS = 64
_NUMBER = re.compile(r"[1-9][0-9]?\Z")


def worker_count(config: ImageConfig, variables: Mapping[str, str]) -> int:
    """Return what the deployment's variables say, else what suits the image.

    Raises:
        InvalidInput: WORKER_COUNT is no whole number from 1 to 64.
    """
    written = variables.get(VARIABLE)
    if written is None:
        return automatic_workers(config)
    if not _NUMBER.match(written) or int(written) > MOST_WORKERS:
        path = f"$.environment_variables.{VARIABLE}"
        raise InvalidInput(
            f"{path}: {written[:40]!r} is no whole number from 1 to {MOST_WORKERS}: it is how many processes each "
            "instance has; without it, a script has as many as its image's resources.cpu",
            path=path,
        )
    return int(written)


def automatic_workers(config: ImageConfig) -> int:
    """Return one worker for each CPU of a script, whose Python uses no more than one; else one, which has threads."""
    if config.runtime is not Runtime.SCRIPT or config.resources.cpu is None:
        return 1
    return min(config.resources.cpu, MOST_WORKERS)


def workers_come_from(config: ImageConfig, variables: Mapping[str, str]) -> Source:
    """Return what ``worker_count`` took its figure from."""
    if VARIABLE in variables:
        return Source.FILE
    return Source.IMAGE if config.runtime is Runtime.SCRIPT and config.resources.cpu is not None else Source.AUTOMATIC


def share(amount: int, workers: int) -> int:
    """Return what each worker has of an instance's ``amount``, so that together they have no less."""
    return -(-amount // workers)

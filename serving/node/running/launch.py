"""How a scoring process is called: its arguments and its environment, as pure functions of an image and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from registry.core.deploying.endpoints import RequestSettings
from registry.core.deploying.engine_settings import Batching, ResponseCache
from registry.core.deploying.workers import share
from registry.core.imaging.images import CODE_PATH, SCORING_PATH, ImageConfig
from registry.core.imaging.samples import GoldenAnswers
from serving.node.errors import StartFailed
from serving.node.keeping.cache import DESCRIPTION
from serving.node.keeping.locks import Hold

NODE = "node"  # below the state folder: what the node keeps
LOGS = Path("logs") / "deployments"  # below the node's folder: endpoint.deployment.revision-supervisor.log
_INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SLIPWAY_INSTANCE")  # the last marks whose process it is
_SECRET = "SLIPWAY_EDGE_SECRET"  # noqa: S105 (the variable's name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One scoring process to be. Port 0 lets the kernel choose; no ``secret`` means that anyone may ask."""

    python: Path  # of the materialised environment
    image: Path  # the unpacked image
    serve_as: str  # the answering name: the endpoint's
    backend: str  # endpoint.deployment.revision
    host: str = "127.0.0.1"
    http_port: int = 0
    grpc_port: int = 0
    request_settings: RequestSettings = field(default_factory=RequestSettings)
    batching: Batching = field(default_factory=Batching)
    response_cache: ResponseCache | None = None
    workers: int = 1  # so many like this one share the instance's CPUs and requests
    environment_variables: dict[str, str] = field(default_factory=dict)
    secret: str | None = None
    holds: tuple[Hold, ...] = ()  # on image and environment; the process inherits them
    blame: Path | None = None  # the table in which it marks what it works on
    golden: GoldenAnswers | None = None  # what the image's samples were answered with when it was built


def read_description(image: Path) -> ImageConfig:
    """Read the description of an unpacked image.

    Raises:
        StartFailed: it is missing or not what this version understands.
    """
    try:
        return msgspec.json.decode((image / DESCRIPTION).read_bytes(), type=ImageConfig)
    except (OSError, msgspec.MsgspecError) as error:
        raise StartFailed(f"the image in {image} has no readable description: {error}") from error


def command(launch: Launch, config: ImageConfig, announce_fd: int) -> list[str]:
    """Render the command line of the scoring process.

    Images bring their own, and the oldest know these arguments only; what came later is said by variables, which an
    older one ignores.
    """
    # The user's folder is the working directory; it must not come before the standard library on sys.path.
    safe_path = [] if config.python in ("3.9", "3.10") else ["-P"]
    settings = launch.request_settings
    arguments = {
        "--root": launch.image,
        "--host": launch.host,
        "--http-port": launch.http_port,
        "--grpc-port": launch.grpc_port,
        "--serve-as": launch.serve_as,
        "--backend": launch.backend,
        "--announce-fd": announce_fd,
        "--request-timeout-ms": settings.request_timeout_ms,
        "--max-concurrent": share(settings.concurrency, launch.workers),
    }
    rendered = [text for name, value in arguments.items() for text in (name, str(value))]
    return [str(launch.python), *safe_path, "-m", "slipway_scoring", *rendered]


def environment(launch: Launch, config: ImageConfig, inherited: Mapping[str, str]) -> dict[str, str]:
    """Render the variables of the scoring process: a few of ours, the user's, then Azure ML's own names."""
    users = {name: value for name, value in launch.environment_variables.items() if name != _SECRET}
    kept = {name: inherited[name] for name in _INHERITED if name in inherited}
    threads = config.resources.threads(launch.workers)
    variables = {"PYTHONUNBUFFERED": "1", **kept, **threads, **users, **_engine(launch)}
    variables["PATH"] = _joined(str(launch.python.parent), variables.get("PATH"))
    variables["PYTHONPATH"] = _joined(str(launch.image / SCORING_PATH), users.get("PYTHONPATH"))
    variables["AML_APP_ROOT"] = str(launch.image / CODE_PATH)
    variables["AZUREML_MODEL_DIR"] = str(launch.image / config.model_dir)
    if config.scoring_script:
        variables["AZUREML_ENTRY_SCRIPT"] = config.scoring_script
    if launch.secret is not None:
        variables[_SECRET] = launch.secret
    return variables


def _engine(launch: Launch) -> dict[str, str]:
    """Render how the engine is set; what is not among them is the scoring process' to choose."""
    batching, cache = launch.batching, launch.response_cache
    values = {
        "SLIPWAY_MAX_QUEUE_WAIT_MS": launch.request_settings.max_queue_wait_ms,
        "SLIPWAY_BATCHING": None if batching.enabled is None else "on" if batching.enabled else "off",
        "SLIPWAY_BATCH_MAX_ROWS": batching.max_rows,
        "SLIPWAY_BATCH_MAX_BYTES": batching.most_bytes,
        "SLIPWAY_CACHE_MAX_BYTES": cache and share(cache.most_bytes, launch.workers),
        "SLIPWAY_CACHE_TTL_S": cache and cache.ttl_s,
        "SLIPWAY_BLAME": launch.blame,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _joined(first: str, rest: str | None) -> str:
    return f"{first}:{rest}" if rest else first

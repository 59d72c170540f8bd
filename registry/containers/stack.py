"""A base image and one of ours as one container image: its config and its manifest. Pure, and deterministic."""

from typing import Any

import msgspec

from registry.containers.environment import ENVIRONMENT_PATH
from registry.containers.sources import StoredImage
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import CODE_PATH, MANIFEST_TYPE, Descriptor, ImageConfig, Manifest

SOURCE_LABEL = "dev.slipway.source"  # NAME@DIGEST of the image that was exported
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OCI = "org.opencontainers.image"
_SECOND = 1_000_000_000
EPOCH = "1970-01-01T00:00:00Z"  # a clock's reading would change the digest


def stack(
    base: StoredImage,
    base_name: str,
    source: str,
    image: ImageConfig,
    ours: StoredImage,
    added: list[tuple[str, str]],
    settings: ContainerSettings,
) -> bytes:
    """Encode the config of a container image: the base's layers, then ``added``, by diff id, each with what it is.

    ``source`` is NAME@DIGEST of our image, and ``base_name`` is what the base is called where it can be pulled from.
    """
    base_settings: dict[str, Any] = base.config.get("config") or {}
    labels = {
        **(base_settings.get("Labels") or {}),
        SOURCE_LABEL: source,
        f"{_OCI}.title": source.partition("@")[0],
        f"{_OCI}.base.digest": base.digest,
        **({f"{_OCI}.base.name": base_name} if base_name else {}),
        **settings.labels,
    }
    ports: dict[str, dict[str, str]] = {f"{port}/tcp": {} for port in (settings.port, settings.grpc_port)}
    document = {
        "architecture": base.config["architecture"],
        **({"variant": base.config["variant"]} if "variant" in base.config else {}),
        "os": "linux",
        "created": EPOCH,
        "config": {
            "User": settings.user,
            "ExposedPorts": {**(base_settings.get("ExposedPorts") or {}), **ports},
            "Env": _variables(base_settings.get("Env") or [], ours.config["config"]["Env"], settings),
            "Entrypoint": [*_python(image), "-m", "slipway_scoring", "--root", "/"],
            "WorkingDir": f"/{CODE_PATH}",
            "StopSignal": "SIGTERM",
            "Healthcheck": {
                "Test": ["CMD", *_python(image), "-m", "slipway_scoring.probe"],
                "Interval": 10 * _SECOND,
                "Timeout": 5 * _SECOND,
                "StartPeriod": 120 * _SECOND,
                "Retries": 3,
            },
            "Labels": dict(sorted(labels.items())),
        },
        "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, *(diff_id for diff_id, _ in added)]},
        "history": [
            *(base.config.get("history") or [{"created_by": "base"} for _ in base.layers]),
            *({"created": EPOCH, "created_by": f"slipway image export: {what}"} for _, what in added),
        ],
    }
    return msgspec.json.encode(document, order="sorted")


def manifest_of(config: Descriptor, layers: list[Descriptor], base: StoredImage) -> bytes:
    """Encode the manifest."""
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        config=config,
        layers=layers,
        annotations={f"{_OCI}.base.digest": base.digest},
    )
    return msgspec.json.encode(manifest, order="deterministic")


def _python(image: ImageConfig) -> list[str]:
    """The container's Python; the user's folder, where it starts, must not come before the standard library."""
    return [f"/{ENVIRONMENT_PATH}/bin/python", *([] if image.python in ("3.9", "3.10") else ["-P"])]


def _variables(base: list[str], ours: list[str], settings: ContainerSettings) -> list[str]:
    values = dict(variable.partition("=")[::2] for variable in base)
    values["PATH"] = f"/{ENVIRONMENT_PATH}/bin:{values.get('PATH') or _PATH}"
    values |= {"HOME": "/tmp", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108 - the user owns nothing
    values |= dict(variable.partition("=")[::2] for variable in ours)
    values |= {
        "SLIPWAY_HOST": "0.0.0.0",
        "SLIPWAY_HTTP_PORT": str(settings.port),
        "SLIPWAY_GRPC_PORT": str(settings.grpc_port),
    }
    return [f"{name}={value}" for name, value in sorted(values.items())]

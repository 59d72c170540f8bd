"""``slipway registry``: the registry's own process."""

from enum import StrEnum
from pathlib import Path

import typer


class Access(StrEnum):
    OFF = "off"
    TOKENS = "tokens"


def registry(
    context: typer.Context,
    host: str = typer.Option("127.0.0.1", help="Address to bind; other than loopback, callers need tokens."),
    port: int = typer.Option(5000, min=1, max=65535),
    database: str = typer.Option("sqlite:///.slipway/registry.db", help="SQLAlchemy URL of the metadata."),
    artifacts: str = typer.Option("file://.slipway/artifacts", help="URL of the blobs' folder."),
    data_dir: Path = typer.Option(Path(".slipway/registry"), help="The registry's own files: images."),
    access: Access | None = typer.Option(None, help="Whether callers need tokens; default: off on loopback."),
    allowed_host: list[str] | None = typer.Option(None, help="A name that clients call it by; may be repeated."),
) -> None:
    """Run the registry: workspace API, MLflow tracking, images.

    Where others can reach it, make an owner's token first: slipway token create NAME --role owner --database URL

    Example: slipway registry --port 5000 --database sqlite:///registry.db --artifacts file:///srv/artifacts
    """
    if context.invoked_subcommand is not None:
        return
    from registry.api.server import serve

    serve(
        host=host,
        port=port,
        database_url=database,
        artifacts_url=artifacts,
        data_dir=data_dir.resolve(),
        access=access,
        allowed_hosts=allowed_host,
    )

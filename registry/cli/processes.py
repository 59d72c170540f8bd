"""``slipway registry``: the registry's own process."""

from enum import StrEnum
from pathlib import Path

import typer

from registry.cli.context import workspace_folder


class Access(StrEnum):
    OFF = "off"
    TOKENS = "tokens"


def registry(
    context: typer.Context,
    host: str = typer.Option("127.0.0.1", help="Address to bind; other than loopback, callers need tokens."),
    port: int = typer.Option(5000, min=1, max=65535),
    database: str = typer.Option(
        None,
        help="URL of the metadata: sqlite:///FILE or postgresql://USER@HOST/DATABASE; default: the workspace's folder.",
    ),
    artifacts: str = typer.Option(
        None,
        help="URL of the blobs: file://FOLDER, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX; "
        "default: the workspace's folder.",
    ),
    data_dir: Path = typer.Option(
        None, help="The registry's own files: images; default: `registry` in the workspace's folder."
    ),
    vault_key_file: Path = typer.Option(
        None,
        envvar="SLIPWAY_VAULT_KEY_FILE",
        help="Holds the key of the vault's secrets; made when first needed. Default: vault.key in the data folder.",
    ),
    access: Access | None = typer.Option(None, help="Whether callers need tokens; default: off on loopback."),
    allowed_host: list[str] | None = typer.Option(None, help="A name that clients call it by; may be repeated."),
    node_dir: Path | None = typer.Option(
        None, help="Where images with sample requests are run at build; a node's own folder shares its environments."
    ),
) -> None:
    """Run the registry: workspace API, MLflow tracking, images.

    The workspace's folder is that of SLIPWAY_DIR, or .slipway in this folder.

    Where others can reach it, make an owner's token first: slipway token create NAME --role owner --database URL

    Leave passwords and keys out of the URLs: PostgreSQL reads PGPASSWORD or ~/.pgpass; S3 AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL; Azure AZURE_STORAGE_ACCOUNT_NAME and
    AZURE_STORAGE_ACCOUNT_KEY; GCS GOOGLE_SERVICE_ACCOUNT, the path of a key file. The machine's own identity is used
    where it has one. Options may also follow a bucket's URL: s3://models?endpoint=http://minio:9000&region=us-east-1

    Example: slipway registry --port 5000 --database sqlite:///registry.db --artifacts file:///srv/artifacts
    """
    if context.invoked_subcommand is not None:
        return
    from registry.api.server import serve

    home = workspace_folder()
    own = (data_dir or home / "registry").resolve()
    serve(
        host=host,
        port=port,
        database_url=database or f"sqlite:///{home / 'registry.db'}",
        artifacts_url=artifacts or (home / "artifacts").as_uri(),
        data_dir=own,
        vault_key_file=(vault_key_file or own / "vault.key").resolve(),
        access=access,
        allowed_hosts=allowed_host,
        node_dir=node_dir.resolve() if node_dir else None,
    )

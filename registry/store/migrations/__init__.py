"""The schema's versions. No alembic.ini: the location is this package's.

A new database is made from ``schema`` at once and needs no Alembic, whose import takes as long as the rest of the
registry's start; only one of an earlier version is migrated.
"""

from pathlib import Path

import sqlalchemy as sa

from registry.store.schema import experiments, metadata

HEAD = "0003"

_version_table = sa.Table(
    "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True, nullable=False)
)


def upgrade(connection: sa.Connection) -> None:
    """Bring the schema to the newest version inside the caller's transaction."""
    if not sa.inspect(connection).has_table(_version_table.name):
        _create(connection)
    elif connection.scalar(sa.select(_version_table.c.version_num)) != HEAD:
        _migrate(connection)


def _create(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    _version_table.create(connection)
    connection.execute(sa.insert(_version_table).values(version_num=HEAD))
    # MLflow's clients log to experiment 0, named Default, when they choose none.
    default = {"id": 0, "name": "Default", "artifact_location": "mlflow-artifacts:/0", "lifecycle_stage": "active"}
    connection.execute(sa.insert(experiments).values(**default, created_ms=0, updated_ms=0))


def _migrate(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""The schema's versions. No alembic.ini: the location is this package's.

A new database is made from ``schema`` at once and needs no Alembic, whose import takes as long as the rest of the
registry's start; only one of an earlier version is migrated.
"""

from collections import defaultdict
from pathlib import Path

import sqlalchemy as sa

from registry.core.errors import Unavailable
from registry.store.schema import experiments, metadata

HEAD = "0021"

_version_table = sa.Table(
    "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True, nullable=False)
)


# Text that is not ordered by its characters' numbers, as SQLite orders all text.
_LOCAL_TEXT = """
    SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type IN ('character varying', 'text') AND collation_name IS NULL
    ORDER BY table_name, ordinal_position
"""


def upgrade(connection: sa.Connection) -> None:
    """Bring the schema to the newest version inside the caller's transaction.

    Raises:
        Unavailable: the database is of a version that this program does not know.
    """
    if not sa.inspect(connection).has_table(_version_table.name):
        _create(connection)
    elif connection.scalar(sa.select(_version_table.c.version_num)) != HEAD:
        _migrate(connection)
    if connection.dialect.name == "postgresql":
        _order_by_characters(connection)


def _create(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    _version_table.create(connection)
    connection.execute(sa.insert(_version_table).values(version_num=HEAD))
    insert_default_experiment(connection)


def insert_default_experiment(connection: sa.Connection) -> None:
    """Make the one to which MLflow's clients log when they choose none: number 0, named Default."""
    default = {"id": 0, "name": "Default", "artifact_location": "mlflow-artifacts:/0", "lifecycle_stage": "active"}
    connection.execute(sa.insert(experiments).values(**default, created_ms=0, updated_ms=0))


def _migrate(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Unavailable(f"its version is not one of this program's: {error}; use a newer slipway") from error


def _order_by_characters(connection: sa.Connection) -> None:
    """Let PostgreSQL order text as SQLite does, whatever language the database was made for."""
    quoted = connection.dialect.identifier_preparer.quote
    changes: dict[str, list[str]] = defaultdict(list)
    for table, column, kind, length in connection.exec_driver_sql(_LOCAL_TEXT).all():
        if table in metadata.tables:
            limit = "" if length is None else f"({length})"
            changes[table].append(f'ALTER {quoted(column)} TYPE {kind}{limit} COLLATE "C"')
    for table, columns in changes.items():
        connection.exec_driver_sql(f"ALTER TABLE {quoted(table)} {', '.join(columns)}")

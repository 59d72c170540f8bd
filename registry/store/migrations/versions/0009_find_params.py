"""Params and tags of runs know their experiment, and have an index by which a value is found in it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for name in ("run_tags", "params"):
        _rebuild(name)
        head = sa.text("substr(value, 1, 64)")
        op.create_index(op.f(f"ix_{name}_experiment_id_key_head"), name, ["experiment_id", "key", head])


def _rebuild(name: str) -> None:
    """Make the table anew: SQLite adds no column that must have a value."""
    old = f"old_{name}"
    op.rename_table(name, old)
    if op.get_bind().dialect.name == "postgresql":  # an index keeps its name when its table is renamed
        op.execute(f"ALTER TABLE {old} RENAME CONSTRAINT pk_{name} TO pk_{old}")
    op.create_table(
        name,
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f(f"pk_{name}")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f(f"fk_{name}_run_id"), ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    copy = "SELECT run_id, key, value, runs.experiment_id FROM {old} JOIN runs ON runs.id = {old}.run_id"
    op.execute(f"INSERT INTO {name} {copy.format(old=old)}")
    op.drop_table(old)

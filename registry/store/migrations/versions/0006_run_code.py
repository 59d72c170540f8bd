"""What runs were made from: snapshots, the state of git, and environments."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_snapshots")),
    )
    op.create_table(
        "run_code",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("snapshot", sa.String(64)),
        sa.Column("patch", sa.String(64)),
        sa.Column("git", sa.JSON()),
        sa.Column("environment", sa.JSON()),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_code")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_code_run_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["snapshot"], ["snapshots.sha256"], name=op.f("fk_run_code_snapshot")),
    )
    op.create_index(op.f("ix_run_code_snapshot"), "run_code", ["snapshot"])
    op.create_index(op.f("ix_run_code_patch"), "run_code", ["patch"])


def downgrade() -> None:
    op.drop_table("run_code")
    op.drop_table("snapshots")

"""How long a replaced revision stays warm, undos that are under way, and when endpoints and deployments expire.

What was replaced before is not warm, and nothing that is there expires.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("deployments", sa.Column("keep_warm_s", sa.Integer(), nullable=False, server_default="600"))
    op.add_column("revisions", sa.Column("warm_until_ms", sa.BigInteger()))
    op.create_index(op.f("ix_revisions_warm_until_ms"), "revisions", ["warm_until_ms"])
    for table in ("endpoints", "deployments"):
        op.add_column(table, sa.Column("ttl_s", sa.Integer()))
        op.add_column(table, sa.Column("expires_ms", sa.BigInteger()))
        op.create_index(op.f(f"ix_{table}_expires_ms"), table, ["expires_ms"])
    op.create_table(
        "endpoint_undos",
        sa.Column("endpoint_id", sa.String(32), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("activity_id", sa.String(32), nullable=False),
        sa.Column("who", sa.String(256), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["endpoints.id"],
            name=op.f("fk_endpoint_undos_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_endpoint_undos")),
    )

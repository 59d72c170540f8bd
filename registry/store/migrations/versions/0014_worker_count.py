"""How many scoring processes each instance of a revision has; those of before have one."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("revisions", sa.Column("worker_count", sa.Integer(), nullable=False, server_default="1"))

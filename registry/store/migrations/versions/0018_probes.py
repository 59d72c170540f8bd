"""How replicas of a revision are looked after; of those before, automatically."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("revisions", sa.Column("liveness_probe", sa.JSON()))
    op.add_column("revisions", sa.Column("readiness_probe", sa.JSON()))

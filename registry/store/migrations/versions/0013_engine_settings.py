"""How revisions batch and cache; those from before do as their images always did."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("revisions", sa.Column("batching", sa.JSON()))
    op.add_column("revisions", sa.Column("response_cache", sa.JSON()))

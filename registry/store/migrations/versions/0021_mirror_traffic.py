"""Which deployments get copies of an endpoint's requests; of those of before nothing is mirrored."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("mirror_traffic", sa.JSON(), nullable=False, server_default="{}"))

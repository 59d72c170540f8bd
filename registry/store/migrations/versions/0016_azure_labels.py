"""What Azure ML's files say of endpoints and deployments and nothing acts on; of those before, nothing is known."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("properties", sa.JSON(none_as_null=True)))
    op.add_column("endpoints", sa.Column("location", sa.Text()))
    op.add_column("deployments", sa.Column("labels", sa.JSON(none_as_null=True)))

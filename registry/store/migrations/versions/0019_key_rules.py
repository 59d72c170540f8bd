"""What each key may do, and which it has replaced; names that are longer than ``secondary``."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("endpoint_keys", sa.Column("rules", sa.JSON()))
    op.add_column("endpoint_keys", sa.Column("replaced", sa.JSON()))
    with op.batch_alter_table("endpoint_keys") as keys:
        keys.alter_column("name", type_=sa.String(32), existing_type=sa.String(16), existing_nullable=False)

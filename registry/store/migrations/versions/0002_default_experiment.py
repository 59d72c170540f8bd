"""MLflow's clients log to experiment 0, named Default, when they choose none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

experiments = sa.table(
    "experiments",
    sa.column("id", sa.Integer),
    sa.column("name", sa.String),
    sa.column("artifact_location", sa.Text),
    sa.column("lifecycle_stage", sa.String),
    sa.column("created_ms", sa.BigInteger),
    sa.column("updated_ms", sa.BigInteger),
)


def upgrade() -> None:
    row = {"id": 0, "name": "Default", "artifact_location": "mlflow-artifacts:/0", "lifecycle_stage": "active"}
    op.bulk_insert(experiments, [{**row, "created_ms": 0, "updated_ms": 0}])


def downgrade() -> None:
    op.execute(experiments.delete().where(experiments.c.id == 0))

"""Which version of which model a revision serves or served, kept when the deployment is deleted."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_REVISIONS = """
    SELECT r.endpoint_id, r.deployment_id, r.number, r.models, r.image, r.image_digest, r.created_ms AS since_ms,
        e.name AS endpoint, d.name AS deployment
    FROM revisions r
    JOIN deployments d ON d.endpoint_id = r.endpoint_id AND d.id = r.deployment_id
    JOIN endpoints e ON e.id = r.endpoint_id
"""


def upgrade() -> None:
    uses = op.create_table(
        "model_uses",
        sa.Column("endpoint_id", sa.String(32), nullable=False),
        sa.Column("deployment_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(32), nullable=False),
        sa.Column("deployment", sa.String(32), nullable=False),
        sa.Column("image", sa.String(256), nullable=False),
        sa.Column("image_digest", sa.String(71), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "deployment_id", "number", "model", name=op.f("pk_model_uses")),
    )
    op.create_index(op.f("ix_model_uses_model_version"), "model_uses", ["model", "version"])
    rows = [use for row in op.get_bind().execute(sa.text(_REVISIONS)).mappings() for use in _uses({**row})]
    if rows:
        op.bulk_insert(uses, rows)


def downgrade() -> None:
    op.drop_table("model_uses")


def _uses(row: dict[str, Any]) -> list[dict[str, Any]]:
    models = row.pop("models")
    held = json.loads(models) if isinstance(models, str) else models
    return [{**row, "model": model, "version": version} for model, version in held.items()]

"""What was changed at each endpoint: a history, which begins with what it is now; and who asked for each revision."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("revisions", sa.Column("who", sa.String(256), nullable=False, server_default=""))
    op.create_table(
        "endpoint_changes",
        sa.Column("endpoint_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("before", sa.Integer()),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("who", sa.String(256), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.JSON()),
        sa.Column("live", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "number", name=op.f("pk_endpoint_changes")),
    )
    op.create_index(op.f("ix_endpoint_changes_endpoint_id_at_ms"), "endpoint_changes", ["endpoint_id", "at_ms"])
    op.create_index(op.f("ix_endpoint_changes_endpoint_id_release"), "endpoint_changes", ["endpoint_id", "release"])
    rows = op.get_bind()
    insert = sa.text(
        "INSERT INTO endpoint_changes (endpoint_id, number, release, kind, message, who, at_ms, endpoint, live)"
        " VALUES (:id, 1, 1, 'create', 'as it was when the history began', '', :at_ms, :endpoint, :live)"
    )
    for one in rows.execute(sa.text("SELECT * FROM endpoints")).mappings().all():
        values = {"id": one["id"], "at_ms": one["updated_ms"]}
        values |= {"endpoint": _endpoint(rows, one), "live": _live(rows, one)}
        rows.execute(insert, values)


def _endpoint(rows: sa.Connection, one: sa.RowMapping) -> str:
    keys = sa.text("SELECT name, sha256 FROM endpoint_keys WHERE endpoint_id = :id ORDER BY name")
    document = {name: one[name] for name in ("name", "description", "auth_mode", "created_ms", "updated_ms")}
    document |= {name: _value(one[name]) for name in ("tags", "traffic")}
    document["keys"] = [dict(key) for key in rows.execute(keys, {"id": one["id"]}).mappings()]
    document["traffic_key"] = {"header": one["traffic_header"]} if one["traffic_header"] else None
    return json.dumps(document)


def _live(rows: sa.Connection, one: sa.RowMapping) -> str:
    query = sa.text(
        "SELECT deployments.name AS deployment, revisions.number AS revision, image, image_digest, models,"
        " instance_count FROM revisions JOIN deployments ON deployments.id = revisions.deployment_id"
        " AND deployments.endpoint_id = revisions.endpoint_id"
        " WHERE revisions.endpoint_id = :id AND state = 'live' ORDER BY deployments.id"
    )
    found = rows.execute(query, {"id": one["id"]}).mappings()
    return json.dumps([dict(live) | {"models": _value(live["models"])} for live in found])


def _value(column: object) -> object:
    """Return a column of JSON, which only some drivers decode."""
    return json.loads(column) if isinstance(column, str) else column

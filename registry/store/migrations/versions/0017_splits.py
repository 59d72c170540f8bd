"""Traffic keys besides headers, a salt for each endpoint, and splits as they are laid out; in the history, too.

Those who are sticky get other buckets, this once: the hash has had no salt so far.
"""

import uuid
from typing import Any

import sqlalchemy as sa
from alembic import op

from registry.core.deploying.split import lay_out

revision = "0017"
down_revision = "0016"

endpoints = sa.table(
    "endpoints",
    sa.column("id", sa.String),
    sa.column("traffic", sa.JSON),
    sa.column("intervals", sa.JSON),
    sa.column("salt", sa.String),
)
changes = sa.table(
    "endpoint_changes",
    sa.column("endpoint_id", sa.String),
    sa.column("number", sa.Integer),
    sa.column("endpoint", sa.JSON),
)


def upgrade() -> None:
    op.execute("ALTER TABLE endpoints RENAME COLUMN traffic_header TO traffic_source")
    op.execute("UPDATE endpoints SET traffic_source = 'header:' || lower(traffic_source)")  # null stays null
    op.add_column("endpoints", sa.Column("intervals", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("endpoints", sa.Column("salt", sa.String(32), nullable=False, server_default=""))
    rows = op.get_bind()
    salts = {}
    for one in rows.execute(sa.select(endpoints)).all():
        salts[one.id] = uuid.uuid4().hex
        values = {"salt": salts[one.id], "intervals": lay_out([], one.traffic)}
        rows.execute(sa.update(endpoints).where(endpoints.c.id == one.id).values(values))
    for one in rows.execute(sa.select(changes)).all():
        if one.endpoint is not None:
            line = sa.and_(changes.c.endpoint_id == one.endpoint_id, changes.c.number == one.number)
            endpoint = _as_now(one.endpoint, salts.get(one.endpoint_id, ""))
            rows.execute(sa.update(changes).where(line).values(endpoint=endpoint))


def _as_now(endpoint: dict[str, Any], salt: str) -> dict[str, Any]:
    key = endpoint["traffic_key"] and {"header": endpoint["traffic_key"]["header"].lower()}
    return endpoint | {"traffic_key": key, "salt": salt, "intervals": lay_out([], endpoint["traffic"])}

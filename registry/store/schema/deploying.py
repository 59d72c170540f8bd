"""Tables of endpoints and what runs behind them, and of what is under way."""

import sqlalchemy as sa

from registry.store.schema.base import metadata

# Endpoints. ``id`` is the name in lower case, which makes names unique without regard to case.
endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(32), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("auth_mode", sa.String(16), nullable=False),
    sa.Column("traffic", sa.JSON, nullable=False),
    sa.Column("traffic_source", sa.String(128)),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("properties", sa.JSON(none_as_null=True)),
    sa.Column("location", sa.Text),
    sa.Column("intervals", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("salt", sa.String(32), nullable=False, server_default=""),
    sa.Column("ttl_s", sa.Integer),
    sa.Column("expires_ms", sa.BigInteger, index=True),
    sa.Column("mirror_traffic", sa.JSON, nullable=False, server_default="{}"),
)

endpoint_keys = sa.Table(
    "endpoint_keys",
    metadata,
    sa.Column("endpoint_id", sa.ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("rules", sa.JSON),  # null: of a key from before there were any
    sa.Column("replaced", sa.JSON),
)

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("endpoint_id", sa.ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(32), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("labels", sa.JSON(none_as_null=True)),
    sa.Column("keep_warm_s", sa.Integer, nullable=False, server_default="600"),
    sa.Column("ttl_s", sa.Integer),
    sa.Column("expires_ms", sa.BigInteger, index=True),
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("endpoint_id", sa.String(32), primary_key=True),
    sa.Column("deployment_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("image", sa.String(256), nullable=False),
    sa.Column("image_digest", sa.String(71), nullable=False),
    sa.Column("instance_count", sa.Integer, nullable=False),
    sa.Column("request_settings", sa.JSON, nullable=False),
    sa.Column("environment_variables", sa.JSON, nullable=False),
    sa.Column("retry", sa.String(16), nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("activity_id", sa.String(32), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("batching", sa.JSON),  # null: of a revision from before there was any
    sa.Column("response_cache", sa.JSON(none_as_null=True)),
    sa.Column("worker_count", sa.Integer, nullable=False, server_default="1"),
    sa.Column("who", sa.String(256), nullable=False, server_default=""),
    sa.Column("liveness_probe", sa.JSON),
    sa.Column("readiness_probe", sa.JSON),
    sa.Column("warm_until_ms", sa.BigInteger, index=True),
    sa.ForeignKeyConstraint(
        ["endpoint_id", "deployment_id"], ["deployments.endpoint_id", "deployments.id"], ondelete="CASCADE"
    ),
)

# Undos under way: who answers changes when all revisions that were started for one are ready.
endpoint_undos = sa.Table(
    "endpoint_undos",
    metadata,
    sa.Column("endpoint_id", sa.ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("release", sa.Integer, nullable=False),
    sa.Column("activity_id", sa.String(32), nullable=False),
    sa.Column("who", sa.String(256), nullable=False),
)

# Without a foreign key: what was done to an endpoint is remembered when it is gone.
endpoint_changes = sa.Table(
    "endpoint_changes",
    metadata,
    sa.Column("endpoint_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("release", sa.Integer, nullable=False),
    sa.Column("before", sa.Integer),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("who", sa.String(256), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("endpoint", sa.JSON(none_as_null=True)),
    sa.Column("live", sa.JSON, nullable=False),
    sa.Index(None, "endpoint_id", "at_ms"),
    sa.Index(None, "endpoint_id", "release"),
)

activities = sa.Table(
    "activities",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(256), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("ended_ms", sa.BigInteger),
)

activity_lines = sa.Table(
    "activity_lines",
    metadata,
    sa.Column("activity_id", sa.ForeignKey("activities.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line", sa.Text, nullable=False),
)

services = sa.Table(
    "services",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("grpc", sa.Text, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
)

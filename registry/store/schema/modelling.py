"""Tables of logged models, models, datasets and their versions. A version's number is never given twice."""

import sqlalchemy as sa

from registry.store.schema.base import metadata

# Logged models: MLflow 3's model before it is registered; ``id`` is "m-" and 32 hexadecimal digits.
logged_models = sa.Table(
    "logged_models",
    metadata,
    sa.Column("id", sa.String(34), primary_key=True),
    sa.Column("experiment_id", sa.ForeignKey("experiments.id"), nullable=False),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("model_type", sa.String(500), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("status_message", sa.Text, nullable=False),
    sa.Column("lifecycle_stage", sa.String(16), nullable=False),
    sa.Column("source_run_id", sa.String(32), index=True),
    sa.Column("artifact_uri", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("deleted_ms", sa.BigInteger),
    sa.Index(None, "experiment_id", "created_ms", "id"),
)

logged_model_params = sa.Table(
    "logged_model_params",
    metadata,
    sa.Column("model_id", sa.ForeignKey("logged_models.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

logged_model_tags = sa.Table(
    "logged_model_tags",
    metadata,
    sa.Column("model_id", sa.ForeignKey("logged_models.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# A point is its model, metric, run, step and time; of a dataset's name and digest, "" is none.
logged_model_metrics = sa.Table(
    "logged_model_metrics",
    metadata,
    sa.Column("model_id", sa.ForeignKey("logged_models.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("timestamp_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("is_nan", sa.Boolean, nullable=False),
    sa.Column("dataset_name", sa.String(500), nullable=False),
    sa.Column("dataset_digest", sa.String(64), nullable=False),
)

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("deleted_ms", sa.BigInteger),
)

model_tags = sa.Table(
    "model_tags",
    metadata,
    sa.Column("name", sa.ForeignKey("models.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("name", sa.ForeignKey("models.name"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run_id", sa.String(32)),
    sa.Column("path", sa.String(1024), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("deleted_ms", sa.BigInteger),
    sa.Column("source", sa.Text, nullable=False, server_default=""),
    sa.Column("logged_model_id", sa.String(34)),
    sa.Column("user_id", sa.String(256), nullable=False, server_default=""),
    sa.Column("run_link", sa.Text, nullable=False, server_default=""),
    sa.Column("stage", sa.String(16), nullable=False, server_default="None"),
    sa.Column("status", sa.String(24), nullable=False, server_default="READY"),
    sa.Column("status_message", sa.Text, nullable=False, server_default=""),
    sa.Index(None, "run_id"),
)

model_version_tags = sa.Table(
    "model_version_tags",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["model_versions.name", "model_versions.version"], ondelete="CASCADE"),
)

model_aliases = sa.Table(
    "model_aliases",
    metadata,
    sa.Column("name", sa.ForeignKey("models.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("alias", sa.String(255), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

# What an alias or a stage meant, and when: rows are added, never changed. ``version`` is null when it was taken away.
model_moves = sa.Table(
    "model_moves",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("label", sa.String(255), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("before", sa.Integer),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(256), nullable=False),
    sa.Index(None, "name", "at_ms"),
)

model_files = sa.Table(
    "model_files",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", sa.String(1024), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["model_versions.name", "model_versions.version"]),
)

dataset_versions = sa.Table(
    "dataset_versions",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(256), nullable=False),
    sa.Column("deleted_ms", sa.BigInteger),
)

dataset_files = sa.Table(
    "dataset_files",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", sa.String(1024), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["dataset_versions.name", "dataset_versions.version"]),
    sa.Index(None, "sha256"),
)

# Which version of which model a revision serves or served. Rows outlive their deployments: what was asked of a backend
# is recorded under its name, and names are never given twice.
model_uses = sa.Table(
    "model_uses",
    metadata,
    sa.Column("endpoint_id", sa.String(32), primary_key=True),
    sa.Column("deployment_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("endpoint", sa.String(32), nullable=False),
    sa.Column("deployment", sa.String(32), nullable=False),
    sa.Column("image", sa.String(256), nullable=False),
    sa.Column("image_digest", sa.String(71), nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Index(None, "model", "version"),
)

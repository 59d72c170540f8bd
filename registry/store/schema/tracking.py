"""Tables of MLflow's nouns and of what runs were made from. Times are Unix milliseconds throughout."""

import sqlalchemy as sa

from registry.store.schema.base import metadata

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(500), nullable=False, unique=True),
    sa.Column("artifact_location", sa.Text, nullable=False),
    sa.Column("lifecycle_stage", sa.String(16), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
)

experiment_tags = sa.Table(
    "experiment_tags",
    metadata,
    sa.Column("experiment_id", sa.ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("experiment_id", sa.ForeignKey("experiments.id"), nullable=False),
    sa.Column("name", sa.String(250), nullable=False),
    sa.Column("user_id", sa.String(256), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("lifecycle_stage", sa.String(16), nullable=False),
    sa.Column("artifact_uri", sa.Text, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("deleted_ms", sa.BigInteger),
    sa.Index(None, "experiment_id", "started_ms", "id"),
)

HEAD = 64  # characters of a value that an index holds: PostgreSQL's takes at most 2,704 bytes


def head_of(value: "sa.ColumnElement[str]") -> "sa.ColumnElement[str]":
    """Return the beginning of a param's or tag's value, in the very words of the index on it."""
    return sa.func.substr(value, sa.literal_column("1"), sa.literal_column(str(HEAD)))


# What is logged is read by its key: SQLite keeps these rows in the key's own order. ``experiment_id`` is the run's, so
# that a search walks one index and meets only its own experiment.
run_tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

sa.Index("ix_run_tags_experiment_id_key_head", run_tags.c.experiment_id, run_tags.c.key, head_of(run_tags.c.value))

params = sa.Table(
    "params",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

sa.Index("ix_params_experiment_id_key_head", params.c.experiment_id, params.c.key, head_of(params.c.value))

# A metric's point is its five values: logging one twice stores it once. NaN is value 0 with is_nan set.
metrics = sa.Table(
    "metrics",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("timestamp_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Double, primary_key=True),
    sa.Column("is_nan", sa.Boolean, primary_key=True),
    sqlite_with_rowid=False,
)

latest_metrics = sa.Table(
    "latest_metrics",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("is_nan", sa.Boolean, nullable=False),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sa.Index(None, "experiment_id", "key", "is_nan", "value"),
    sqlite_with_rowid=False,
)

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("experiment_id", sa.ForeignKey("experiments.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("source_type", sa.String(64), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("schema", sa.Text),
    sa.Column("profile", sa.Text),
    sa.UniqueConstraint("experiment_id", "name", "digest"),
)

run_datasets = sa.Table(
    "run_datasets",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("dataset_id", sa.ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("tags", sa.JSON, nullable=False),
)

# Which logged models a run used (``input``) or made (``output``).
run_models = sa.Table(
    "run_models",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("model_id", sa.String(34), primary_key=True, index=True),
    sa.Column("direction", sa.String(8), primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
)

# ``owner_id`` is a run's id or a logged model's ("m-" and 32 digits).
artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("owner_id", sa.String(34), primary_key=True),
    sa.Column("path", sa.String(1024), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What runs were made from. A snapshot is a zip named by its content, so that runs of one folder share it.
snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("files", sa.JSON, nullable=False),
)

run_code = sa.Table(
    "run_code",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("snapshot", sa.ForeignKey("snapshots.sha256"), index=True),
    sa.Column("patch", sa.String(64), index=True),
    sa.Column("git", sa.JSON),
    sa.Column("environment", sa.JSON),
    sa.Column("notes", sa.JSON, nullable=False),
)

"""Every table of the metadata, in portable types. Migrations under ``migrations/`` lead to exactly this."""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# Tracking: MLflow's nouns. Times are Unix milliseconds throughout.

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

# Models. A version's number is never given twice: what was deleted keeps its row until it is purged.

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

# Access: a token's digest, and who did what.

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger),
    sa.Column("revoked_ms", sa.BigInteger),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("who", sa.String(256), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("request_id", sa.String(128), nullable=False),
)

# Images: manifest, config and layers lie in the blob store; here is what is asked for often.

# Everything in a repository is a manifest: images of the workspace, and whatever else was pushed beside them.

manifests = sa.Table(
    "manifests",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("media_type", sa.String(255), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

# Those that say of another manifest what is not part of it: its signature, its golden answers. It need not be there.

referrers = sa.Table(
    "referrers",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("subject", sa.String(71), nullable=False),
    sa.Column("artifact_type", sa.String(255), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("annotations", sa.JSON, nullable=False),
    sa.ForeignKeyConstraint(["name", "digest"], ["manifests.name", "manifests.digest"], ondelete="CASCADE"),
    sa.Index(None, "name", "subject"),
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

images = sa.Table(
    "images",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("layers", sa.JSON, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["name", "digest"], ["manifests.name", "manifests.digest"], ondelete="CASCADE"),
)

image_tags = sa.Table(
    "image_tags",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("tag", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.ForeignKeyConstraint(["name", "digest"], ["manifests.name", "manifests.digest"], ondelete="CASCADE"),
)
image_moves = sa.Table(
    "image_moves",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("tag", sa.String(128), nullable=False),
    sa.Column("digest", sa.String(71)),
    sa.Column("before", sa.String(71)),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(256), nullable=False),
    sa.Index(None, "name", "at_ms"),
)

# What only the registry may read; ``sealed`` opens with the vault's key.
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(256), nullable=False),
)

# Public keys whose signatures of images count. Of the workspace's own, one signs.
trusted_keys = sa.Table(
    "trusted_keys",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("own", sa.Boolean, nullable=False),
    sa.Column("signing", sa.Boolean, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(256), nullable=False),
)

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

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
    sa.Column("traffic_header", sa.String(128)),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
)

endpoint_keys = sa.Table(
    "endpoint_keys",
    metadata,
    sa.Column("endpoint_id", sa.ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
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
    sa.ForeignKeyConstraint(
        ["endpoint_id", "deployment_id"], ["deployments.endpoint_id", "deployments.id"], ondelete="CASCADE"
    ),
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

# Numbers that only grow: the desired state's version, and each deployment's last revision, which outlives the
# deployment so that a backend's name is never used for two different things.
# What a purge is deleting outside of any transaction: nothing may begin to refer to it.
doomed_blobs = sa.Table(
    "doomed_blobs",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

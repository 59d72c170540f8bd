"""What the whole MLflow API needs: searches, datasets, logged models, aliases and stages, tokens and the audit."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _rebuild_what_runs_logged()
    op.drop_index(op.f("ix_runs_experiment_id"), "runs")
    op.add_column("runs", sa.Column("deleted_ms", sa.BigInteger()))
    op.create_index(op.f("ix_runs_experiment_id_started_ms_id"), "runs", ["experiment_id", "started_ms", "id"])
    _extend_models()
    _make_datasets()
    _make_logged_models()
    _make_model_labels()
    _make_access()


def _rebuild_what_runs_logged() -> None:
    """Rows in the order of their key on SQLite; a metric knows its experiment; an artifact has any owner."""
    for name in ("run_tags", "params"):
        _rebuild(name, [_of_run(), _key(), _text("value")], ["run_id", "key"], "SELECT run_id, key, value FROM {old}")
    _rebuild(
        "metrics",
        [_of_run(), _key(), *_point()],
        ["run_id", "key", "step", "timestamp_ms", "value", "is_nan"],
        "SELECT run_id, key, step, timestamp_ms, value, is_nan FROM {old}",
    )
    _rebuild(
        "latest_metrics",
        [
            *(_of_run(), _key(), *_point()),
            sa.Column("experiment_id", sa.Integer(), nullable=False),
        ],
        ["run_id", "key"],
        "SELECT run_id, key, step, timestamp_ms, value, is_nan, runs.experiment_id"
        " FROM {old} JOIN runs ON runs.id = {old}.run_id",
    )
    op.create_index(
        op.f("ix_latest_metrics_experiment_id_key_is_nan_value"),
        "latest_metrics",
        ["experiment_id", "key", "is_nan", "value"],
    )
    _rebuild(
        "artifacts",
        [
            sa.Column("owner_id", sa.String(34), nullable=False),
            sa.Column("path", sa.String(1024), nullable=False),
            sa.Column("sha256", sa.String(64), nullable=False),
            sa.Column("size", sa.BigInteger(), nullable=False),
        ],
        ["owner_id", "path"],
        "SELECT run_id, path, sha256, size FROM {old}",
        of_runs=False,
    )


def _rebuild(
    name: str, columns: Sequence[sa.Column[object]], key: list[str], copy: str, *, of_runs: bool = True
) -> None:
    old = f"old_{name}"
    op.rename_table(name, old)
    if op.get_bind().dialect.name == "postgresql":  # an index keeps its name when its table is renamed
        op.execute(f"ALTER TABLE {old} RENAME CONSTRAINT pk_{name} TO pk_{old}")
    constraints: list[sa.Constraint] = [sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}"))]
    if of_runs:
        constraints.append(
            sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f(f"fk_{name}_run_id"), ondelete="CASCADE")
        )
    op.create_table(name, *columns, *constraints, sqlite_with_rowid=False)
    op.execute(f"INSERT INTO {name} {copy.format(old=old)}")
    op.drop_table(old)


def _extend_models() -> None:
    op.add_column("models", sa.Column("description", sa.Text(), nullable=False, server_default=""))
    op.add_column("models", sa.Column("deleted_ms", sa.BigInteger()))
    for column in (
        sa.Column("updated_ms", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("deleted_ms", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False, server_default=""),
        sa.Column("logged_model_id", sa.String(34)),
        sa.Column("user_id", sa.String(256), nullable=False, server_default=""),
        sa.Column("run_link", sa.Text(), nullable=False, server_default=""),
        sa.Column("stage", sa.String(16), nullable=False, server_default="None"),
        sa.Column("status", sa.String(24), nullable=False, server_default="READY"),
        sa.Column("status_message", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("model_versions", column)
    op.execute("UPDATE model_versions SET updated_ms = created_ms")
    op.execute("UPDATE model_versions SET source = 'runs:/' || run_id || '/' || path WHERE run_id IS NOT NULL")
    op.create_index(op.f("ix_model_versions_run_id"), "model_versions", ["run_id"])


def _make_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("source_type", sa.String(64), nullable=False),
        _text("source"),
        sa.Column("schema", sa.Text()),
        sa.Column("profile", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name=op.f("fk_datasets_experiment_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("experiment_id", "name", "digest", name=op.f("uq_datasets_experiment_id_name_digest")),
    )
    op.create_table(
        "run_datasets",
        _of_run(),
        sa.Column("dataset_id", sa.String(32), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "dataset_id", name=op.f("pk_run_datasets")),
        _to_run("run_datasets"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_run_datasets_dataset_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_run_datasets_dataset_id"), "run_datasets", ["dataset_id"])
    op.create_table(
        "run_models",
        _of_run(),
        sa.Column("model_id", sa.String(34), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "model_id", "direction", name=op.f("pk_run_models")),
        _to_run("run_models"),
    )
    op.create_index(op.f("ix_run_models_model_id"), "run_models", ["model_id"])


def _make_logged_models() -> None:
    op.create_table(
        "logged_models",
        sa.Column("id", sa.String(34), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("model_type", sa.String(500), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        _text("status_message"),
        sa.Column("lifecycle_stage", sa.String(16), nullable=False),
        sa.Column("source_run_id", sa.String(32)),
        _text("artifact_uri"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logged_models")),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name=op.f("fk_logged_models_experiment_id")),
    )
    op.create_index(op.f("ix_logged_models_source_run_id"), "logged_models", ["source_run_id"])
    op.create_index(
        op.f("ix_logged_models_experiment_id_created_ms_id"), "logged_models", ["experiment_id", "created_ms", "id"]
    )
    for name in ("logged_model_params", "logged_model_tags"):
        op.create_table(
            name,
            sa.Column("model_id", sa.String(34), nullable=False),
            _key(),
            _text("value"),
            sa.PrimaryKeyConstraint("model_id", "key", name=op.f(f"pk_{name}")),
            _to_logged_model(name),
        )
    op.create_table(
        "logged_model_metrics",
        sa.Column("model_id", sa.String(34), nullable=False),
        _key(),
        _of_run(),
        *_point(),
        sa.Column("dataset_name", sa.String(500), nullable=False),
        sa.Column("dataset_digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint(
            "model_id", "key", "run_id", "step", "timestamp_ms", name=op.f("pk_logged_model_metrics")
        ),
        _to_logged_model("logged_model_metrics"),
        _to_run("logged_model_metrics"),
    )
    op.create_index(op.f("ix_logged_model_metrics_run_id"), "logged_model_metrics", ["run_id"])


def _make_model_labels() -> None:
    op.create_table(
        "model_tags",
        _model_name(),
        _key(),
        _text("value"),
        sa.PrimaryKeyConstraint("name", "key", name=op.f("pk_model_tags")),
        sa.ForeignKeyConstraint(["name"], ["models.name"], name=op.f("fk_model_tags_name"), ondelete="CASCADE"),
    )
    op.create_table(
        "model_version_tags",
        _model_name(),
        sa.Column("version", sa.Integer(), nullable=False),
        _key(),
        _text("value"),
        sa.PrimaryKeyConstraint("name", "version", "key", name=op.f("pk_model_version_tags")),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["model_versions.name", "model_versions.version"],
            name=op.f("fk_model_version_tags_name_version"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "model_aliases",
        _model_name(),
        sa.Column("alias", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "alias", name=op.f("pk_model_aliases")),
        sa.ForeignKeyConstraint(["name"], ["models.name"], name=op.f("fk_model_aliases_name"), ondelete="CASCADE"),
    )
    op.create_table(
        "model_moves",
        sa.Column("id", sa.Integer(), nullable=False),
        _model_name(),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("before", sa.Integer()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_moves")),
    )
    op.create_index(op.f("ix_model_moves_name_at_ms"), "model_moves", ["name", "at_ms"])


def _make_access() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger()),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("name", name=op.f("uq_tokens_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_tokens_sha256")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(256), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        _text("path"),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_ms"), "audit", ["at_ms"])


def _of_run() -> "sa.Column[str]":
    return sa.Column("run_id", sa.String(32), nullable=False)


def _key() -> "sa.Column[str]":
    return sa.Column("key", sa.String(250), nullable=False)


def _point() -> "list[sa.Column[Any]]":
    return [
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("is_nan", sa.Boolean(), nullable=False),
    ]


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def _model_name() -> "sa.Column[str]":
    return sa.Column("name", sa.String(128), nullable=False)


def _to_run(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f(f"fk_{table}_run_id"), ondelete="CASCADE")


def _to_logged_model(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["model_id"], ["logged_models.id"], name=op.f(f"fk_{table}_model_id"), ondelete="CASCADE"
    )

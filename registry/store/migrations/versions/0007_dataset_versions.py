"""Datasets as named, numbered sets of files."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "dataset_versions",
        *_key(),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_dataset_versions")),
    )
    op.create_table(
        "dataset_files",
        *_key(),
        sa.Column("path", sa.String(1024), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", "path", name=op.f("pk_dataset_files")),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["dataset_versions.name", "dataset_versions.version"],
            name=op.f("fk_dataset_files_name_version"),
        ),
    )
    op.create_index(op.f("ix_dataset_files_sha256"), "dataset_files", ["sha256"])


def _key() -> "tuple[sa.Column[str], sa.Column[int]]":
    return (
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
    )

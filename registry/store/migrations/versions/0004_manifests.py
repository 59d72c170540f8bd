"""Manifests of every kind beside the images, what refers to them, and tags that point at any of them."""

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "manifests",
        *_key(),
        sa.Column("media_type", sa.String(255), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "digest", name=op.f("pk_manifests")),
    )
    op.create_table(
        "referrers",
        *_key(),
        sa.Column("subject", sa.String(71), nullable=False),
        sa.Column("artifact_type", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "digest", name=op.f("pk_referrers")),
        sa.ForeignKeyConstraint(
            ["name", "digest"],
            ["manifests.name", "manifests.digest"],
            name=op.f("fk_referrers_name_digest"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_referrers_name_subject"), "referrers", ["name", "subject"])
    op.execute(
        "INSERT INTO manifests"
        " SELECT name, digest, 'application/vnd.oci.image.manifest.v1+json', created_ms FROM images"
    )
    with op.batch_alter_table("image_tags") as tags:  # first, since SQLite makes the tables anew
        tags.drop_constraint(op.f("fk_image_tags_name_digest"), type_="foreignkey")
        _point_at_manifests(tags, "image_tags")
    with op.batch_alter_table("images") as images:
        _point_at_manifests(images, "images")


def _point_at_manifests(table: BatchOperations, name: str) -> None:
    key = ["name", "digest"]
    table.create_foreign_key(op.f(f"fk_{name}_name_digest"), "manifests", key, key, ondelete="CASCADE")


def _key() -> "tuple[sa.Column[str], sa.Column[str]]":
    return (
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
    )

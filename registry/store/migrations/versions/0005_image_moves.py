"""What the tags of images meant: a ledger, which begins with what they mean now."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "image_moves",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("tag", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(71)),
        sa.Column("before", sa.String(71)),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_moves")),
    )
    op.create_index(op.f("ix_image_moves_name_at_ms"), "image_moves", ["name", "at_ms"])
    op.execute(
        "INSERT INTO image_moves (name, tag, digest, before, at_ms, who)"
        " SELECT images.name, image_tags.tag, images.digest, NULL, images.created_ms, '' FROM image_tags"
        " JOIN images ON images.name = image_tags.name AND images.digest = image_tags.digest"
        " ORDER BY images.created_ms, image_tags.name, image_tags.tag"
    )

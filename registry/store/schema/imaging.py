"""Tables of manifests, images and their tags. Their blobs lie in the layout; here is what is asked for often."""

import sqlalchemy as sa

from registry.store.schema.base import metadata

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

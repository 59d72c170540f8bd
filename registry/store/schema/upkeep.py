"""Tables of the house itself: settings, numbers that only grow, blobs that are being deleted."""

import sqlalchemy as sa

from registry.store.schema.base import metadata

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# What a purge is deleting outside of any transaction: nothing may begin to refer to it.
doomed_blobs = sa.Table(
    "doomed_blobs",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# Numbers that only grow: the desired state's version, and each deployment's last revision, which outlives the
# deployment so that a backend's name is never used for two different things.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

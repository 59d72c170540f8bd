"""Alembic runs this file; it works on the connection that ``upgrade`` was given."""

from alembic import context

from registry.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()

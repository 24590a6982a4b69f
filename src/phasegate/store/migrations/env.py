"""Alembic's entry: runs on the connection that it is given, inside the caller's transaction."""

from alembic import context

from phasegate.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

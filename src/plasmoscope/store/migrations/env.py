"""Alembic runs this; the connection, with its open transaction, comes from ``Store``."""

from alembic import context

from plasmoscope.store.records import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()

"""Alembic's entry: run the migrations on the connection that database.py hands over."""

from alembic import context

from pipelines.platform.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()

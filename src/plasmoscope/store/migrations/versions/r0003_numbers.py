"""Numbers of deleted slides and fields are never given again: pages and the audit know both by their number."""

from alembic import op

from plasmoscope.store.id_sequences import remember_given

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Let SQLite remember the largest number that it ever gave; PostgreSQL always does."""
    if op.get_context().dialect.name != "sqlite":
        return
    for table in ("slides", "fields"):
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
    remember_given(op.get_bind())

"""Numbers of deleted slides and fields are never given again: pages and the audit know both by their number."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_WHERE_IN_SUBJECT = {"slides": 1, "fields": 3}  # slide/7/field/9


def upgrade() -> None:
    """Let SQLite remember the largest number that it ever gave; PostgreSQL always does."""
    if op.get_context().dialect.name != "sqlite":
        return
    connection = op.get_bind()
    subjects = [
        str(subject).split("/") for subject in connection.scalars(sa.text("SELECT DISTINCT subject FROM audit"))
    ]
    for table, place in _WHERE_IN_SUBJECT.items():
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
        given = [int(parts[place]) for parts in subjects if parts[0] == "slide" and len(parts) > place]
        largest = max(given, default=0)
        # Rows that are there have set it already, but not those that were deleted before.
        connection.execute(
            sa.text("DELETE FROM sqlite_sequence WHERE name = :name AND seq < :seq"), _row(table, largest)
        )
        connection.execute(
            sa.text(
                "INSERT INTO sqlite_sequence (name, seq) SELECT :name, :seq "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
            ),
            _row(table, largest),
        )


def _row(table: str, largest: int) -> dict[str, object]:
    return {"name": table, "seq": largest}

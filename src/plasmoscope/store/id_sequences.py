"""Numbers of rows: one that was ever given to a slide or a field is never given again."""

import sqlalchemy as sa
from sqlalchemy import Connection

_WHERE_IN_SUBJECT = {"slides": 1, "fields": 3}  # slide/7/field/9


def remember_given(connection: Connection) -> None:
    """Let the database go on after the largest number that the audit names, of what was deleted too."""
    if connection.dialect.name == "postgresql":
        _continue_sequences(connection)
        return
    for table, last in _last_given(connection).items():
        row = {"name": table, "seq": last}
        # Rows that are there have set it already, but not those that were deleted before.
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name AND seq < :seq"), row)
        connection.execute(
            sa.text(
                "INSERT INTO sqlite_sequence (name, seq) SELECT :name, :seq "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
            ),
            row,
        )


def _continue_sequences(connection: Connection) -> None:
    """PostgreSQL's sequences know nothing of rows that came with their numbers."""
    last_given = _last_given(connection)
    with_numbers = sa.text(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'id'"
    )
    for table in connection.scalars(with_numbers).all():
        sequence = connection.scalar(sa.text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table})
        if sequence is not None:
            largest = connection.scalar(sa.select(sa.func.max(sa.column("id"))).select_from(sa.table(table))) or 0
            after = max(largest, last_given.get(table, 0)) + 1
            connection.execute(
                sa.text("SELECT setval(:sequence, :after, false)"), {"sequence": sequence, "after": after}
            )


def _last_given(connection: Connection) -> dict[str, int]:
    """The largest numbers of slides and fields that the audit names; 0 for none."""
    subjects = [
        str(subject).split("/") for subject in connection.scalars(sa.text("SELECT DISTINCT subject FROM audit"))
    ]
    return {
        table: max((int(parts[place]) for parts in subjects if parts[0] == "slide" and len(parts) > place), default=0)
        for table, place in _WHERE_IN_SUBJECT.items()
    }

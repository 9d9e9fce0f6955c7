"""Numbers of slides and fields: one that was ever given is never given again."""

import sqlalchemy as sa
from sqlalchemy import Connection

_WHERE_IN_SUBJECT = {"slides": 1, "fields": 3}  # slide/7/field/9


def remember_given(connection: Connection) -> None:
    """Let SQLite go on after the largest number that the audit names, of what was deleted too."""
    subjects = [
        str(subject).split("/") for subject in connection.scalars(sa.text("SELECT DISTINCT subject FROM audit"))
    ]
    for table, place in _WHERE_IN_SUBJECT.items():
        given = [int(parts[place]) for parts in subjects if parts[0] == "slide" and len(parts) > place]
        row = {"name": table, "seq": max(given, default=0)}
        # Rows that are there have set it already, but not those that were deleted before.
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name AND seq < :seq"), row)
        connection.execute(
            sa.text(
                "INSERT INTO sqlite_sequence (name, seq) SELECT :name, :seq "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
            ),
            row,
        )

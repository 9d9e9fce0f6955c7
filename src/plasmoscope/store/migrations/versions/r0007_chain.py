"""The audit's entries become a chain; those that are there already, as they are found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from plasmoscope.store.chain import START, digest_of

revision = "0007"
down_revision = "0006"

_NO_UPDATE = "audit_no_update"


def upgrade() -> None:
    """Give every entry its hash."""
    op.add_column("audit", sa.Column("digest", sa.Text, nullable=False, server_default=""))
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("ALTER TABLE audit DISABLE TRIGGER USER")
        _link(connection)
        op.execute("ALTER TABLE audit ENABLE TRIGGER USER")
        return
    trigger = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": _NO_UPDATE})
    op.execute(f"DROP TRIGGER IF EXISTS {_NO_UPDATE}")
    _link(connection)
    if trigger:
        op.execute(trigger)


def _link(connection: Connection) -> None:
    entries = sa.table(
        "audit",
        sa.column("id", sa.Integer),
        sa.column("at", sa.DateTime(timezone=True)),
        sa.column("who", sa.Text),
        sa.column("action", sa.Text),
        sa.column("subject", sa.Text),
        sa.column("detail", sa.JSON),
        sa.column("digest", sa.Text),
    )
    before = START
    for row in connection.execute(sa.select(entries).order_by(entries.c.id)).all():
        before = digest_of(before, row.at, row.who, row.action, row.subject, row.detail)
        connection.execute(entries.update().where(entries.c.id == row.id).values(digest=before))

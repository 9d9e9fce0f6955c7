"""Sessions that nobody uses are locked until the same person gives their password."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the columns; a session from before is used from its next act on."""
    op.add_column("login_sessions", sa.Column("acted", sa.DateTime(timezone=True)))
    op.add_column("login_sessions", sa.Column("locked", sa.Boolean, nullable=False, server_default=sa.false()))

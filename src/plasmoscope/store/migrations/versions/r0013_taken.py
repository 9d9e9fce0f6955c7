"""When a photograph was taken from the queue: what a server that died had taken is told by it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; what is being analysed at that moment counts as interrupted."""
    op.add_column("fields", sa.Column("taken_at", sa.DateTime(timezone=True)))

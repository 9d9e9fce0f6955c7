"""Accounts belong to sites, whose slides they see."""

import sqlalchemy as sa
from alembic import op

revision = "0013b"
down_revision = "0015b"


def upgrade() -> None:
    """Add the column; until now everybody sees everything."""
    op.add_column("accounts", sa.Column("sites", sa.JSON, nullable=False, server_default="[]"))

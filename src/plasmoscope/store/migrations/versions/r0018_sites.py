"""Accounts belong to sites, whose slides they see."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the column; until now everybody sees everything."""
    op.add_column("accounts", sa.Column("sites", sa.JSON, nullable=False, server_default="[]"))

"""Tries to give a password of late, which all servers of the records count together."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "login_tries",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_tries"),
    )
    op.create_index("ix_login_tries_name", "login_tries", ["name"])
    op.create_index("ix_login_tries_address", "login_tries", ["address"])

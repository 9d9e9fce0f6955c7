"""What the model leaves out of the count, since it is no cell or cannot be told, is counted by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; earlier versions' models left out nothing."""
    op.add_column("fields", sa.Column("not_a_cell", sa.Integer, nullable=False, server_default="0"))

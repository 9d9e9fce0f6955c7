"""The sites that a watched camera serves."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add the column; a camera is known to serve sites once it is next heard of."""
    op.add_column("cameras", sa.Column("sites", sa.JSON))

"""What a photograph is to be read with care for stands beside it in lists."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; earlier versions warned of nothing."""
    op.add_column("fields", sa.Column("warnings", sa.JSON, nullable=False, server_default="[]"))

"""Stain and focus of each photograph, as they were measured."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the columns; of photographs analysed before, nobody measured them."""
    for name in ("red_absorbance", "green_absorbance", "blue_absorbance", "blur"):
        op.add_column("fields", sa.Column(name, sa.Double))

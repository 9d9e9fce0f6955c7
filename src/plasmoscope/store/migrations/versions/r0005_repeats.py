"""A photograph of a place that another one shows may count all the same, and what shows one place is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; what was left out as a repeat stays so until somebody has it counted."""
    op.add_column("fields", sa.Column("same_place", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("fields", sa.Column("count_repeat", sa.Boolean, nullable=False, server_default=sa.false()))
    same_place = sa.column("same_place", sa.JSON)
    fields = sa.table("fields", sa.column("id", sa.Integer), sa.column("duplicate_of_id", sa.Integer), same_place)
    connection = op.get_bind()
    repeats = sa.select(fields.c.id, fields.c.duplicate_of_id).where(fields.c.duplicate_of_id.is_not(None))
    for repeat in connection.execute(repeats).all():
        known = [repeat.duplicate_of_id]
        connection.execute(sa.update(fields).where(fields.c.id == repeat.id).values(same_place=known))

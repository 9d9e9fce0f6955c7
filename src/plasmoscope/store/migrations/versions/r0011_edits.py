"""Objects that people draw, erase, split and join, and the order of all their changes, so that each can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "edits",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("field_id", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("removed", sa.JSON, nullable=False),
        sa.Column("added", sa.JSON, nullable=False),
        sa.Column("note", sa.JSON),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["field_id"], ["fields.id"], name="fk_edits_field_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_edits"),
    )
    op.create_index("ix_edits_field_id", "edits", ["field_id"])
    op.add_column("corrections", sa.Column("step", sa.Integer, nullable=False, server_default="0"))
    op.add_column("corrections", sa.Column("undone", sa.Boolean, nullable=False, server_default=sa.false()))

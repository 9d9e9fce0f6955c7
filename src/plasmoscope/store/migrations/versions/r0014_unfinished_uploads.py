"""Uploads that go on after a lost line, and where a photograph's field of view lies."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table and the column; nobody knows the field of view of what was analysed before."""
    op.create_table(
        "unfinished_uploads",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("slide_id", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("received", sa.Integer, nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("touched", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["slide_id"], ["slides.id"], name="fk_unfinished_uploads_slide_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_unfinished_uploads"),
        sa.UniqueConstraint("token", name="uq_unfinished_uploads_token"),
    )
    op.create_index("ix_unfinished_uploads_slide_id", "unfinished_uploads", ["slide_id"])
    op.add_column("fields", sa.Column("view", sa.JSON))

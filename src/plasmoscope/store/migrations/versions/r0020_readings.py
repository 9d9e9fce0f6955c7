"""Blinded readings of a slide, each in a record of its own, and what a laboratory chooses for all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the tables and the column."""
    op.add_column("slides", sa.Column("purpose", sa.Text, nullable=False, server_default="patient"))
    op.create_table(
        "readings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("slide_id", sa.Integer, nullable=False),
        sa.Column("sheet_id", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("infected", sa.Integer, nullable=False),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.Column("species", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["slide_id"], ["slides.id"], name="fk_readings_slide_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sheet_id"], ["slides.id"], name="fk_readings_sheet_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_readings"),
        sa.UniqueConstraint("slide_id", "place", name="uq_readings_slide_id_place"),
        sa.UniqueConstraint("sheet_id", name="uq_readings_sheet_id"),
    )
    op.create_table(
        "choices",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_choices"),
    )

"""Cameras whose folders are watched, and the slides that their pictures go to."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "cameras",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("set_aside", sa.JSON, nullable=False),
        sa.Column("slide_id", sa.Integer),
        sa.Column("opening", sa.Integer, nullable=False),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("used", sa.DateTime(timezone=True)),
        sa.Column("asked", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["slide_id"], ["slides.id"], name="fk_cameras_slide_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_cameras"),
        sa.UniqueConstraint("name", name="uq_cameras_name"),
    )

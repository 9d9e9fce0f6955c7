"""Panels of slides of known truth, what people read on them, and readings of control slides."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "panels",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("training", sa.Boolean, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_panels"),
        sa.UniqueConstraint("name", name="uq_panels_name"),
    )
    op.create_table(
        "panel_slides",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("panel_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("slide_id", sa.Integer, nullable=False),
        sa.Column("positive", sa.Boolean, nullable=False),
        sa.Column("species", sa.JSON, nullable=False),
        sa.Column("count", sa.Double),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("cells", sa.JSON),
        sa.Column("program_infected", sa.Integer),
        sa.Column("program_counted", sa.Integer),
        sa.Column("program_positive", sa.Boolean),
        sa.ForeignKeyConstraint(["panel_id"], ["panels.id"], name="fk_panel_slides_panel_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slide_id"], ["slides.id"], name="fk_panel_slides_slide_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_panel_slides"),
        sa.UniqueConstraint("panel_id", "position", name="uq_panel_slides_panel_id_position"),
        sa.UniqueConstraint("slide_id", name="uq_panel_slides_slide_id"),
    )
    op.create_table(
        "panel_takings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("panel_id", sa.Integer, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["panel_id"], ["panels.id"], name="fk_panel_takings_panel_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_panel_takings"),
    )
    op.create_index("ix_panel_takings_panel_id", "panel_takings", ["panel_id"])
    op.create_index("ix_panel_takings_reader", "panel_takings", ["reader"])
    op.create_table(
        "panel_answers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("taking_id", sa.Integer, nullable=False),
        sa.Column("panel_slide_id", sa.Integer, nullable=False),
        sa.Column("positive", sa.Boolean, nullable=False),
        sa.Column("species", sa.JSON, nullable=False),
        sa.Column("count", sa.Double),
        sa.Column("marked", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["taking_id"], ["panel_takings.id"], name="fk_panel_answers_taking_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["panel_slide_id"], ["panel_slides.id"], name="fk_panel_answers_panel_slide_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_panel_answers"),
        sa.UniqueConstraint("taking_id", "panel_slide_id", name="uq_panel_answers_taking_id_panel_slide_id"),
    )
    op.create_table(
        "controls",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("mean_percent", sa.Double),
        sa.Column("sd_percent", sa.Double),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_controls"),
        sa.UniqueConstraint("name", name="uq_controls_name"),
    )
    op.create_table(
        "control_readings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("control_id", sa.Integer, nullable=False),
        sa.Column("slide_id", sa.Integer, nullable=False),
        sa.Column("infected", sa.Integer, nullable=False),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.Column("entered_by", sa.Text),
        sa.Column("entered_at", sa.DateTime(timezone=True)),
        sa.Column("left_out_by", sa.Text),
        sa.Column("left_out_reason", sa.Text),
        sa.ForeignKeyConstraint(
            ["control_id"], ["controls.id"], name="fk_control_readings_control_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["slide_id"], ["slides.id"], name="fk_control_readings_slide_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_control_readings"),
        sa.UniqueConstraint("slide_id", name="uq_control_readings_slide_id"),
    )
    op.create_index("ix_control_readings_control_id", "control_readings", ["control_id"])

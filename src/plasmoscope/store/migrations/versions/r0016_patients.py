"""Patients that look alike and are merged, what follow-up needs, and slides and photographs that can be put back."""

import sqlalchemy as sa
from alembic import op

from plasmoscope.store.id_sequences import remember_given
from plasmoscope.store.likeness import skeleton

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the columns and the table, and fill the skeletons of codes."""
    with op.batch_alter_table("patients") as patients:
        patients.add_column(sa.Column("skeleton", sa.Text, nullable=False, server_default=""))
        patients.add_column(sa.Column("merged_into_id", sa.Integer))
        patients.create_foreign_key(
            "fk_patients_merged_into_id",
            "patients",
            ["merged_into_id"],
            ["id"],
            deferrable=True,
            initially="DEFERRED",
        )
    table = sa.table(
        "patients", sa.column("id", sa.Integer), sa.column("code", sa.Text), sa.column("skeleton", sa.Text)
    )
    connection = op.get_bind()
    for patient in connection.execute(sa.select(table.c.id, table.c.code)).all():
        filled = table.update().where(table.c.id == patient.id).values(skeleton=skeleton(patient.code))
        connection.execute(filled)
    op.create_index("ix_patients_skeleton", "patients", ["skeleton"])
    op.create_index("ix_patients_merged_into_id", "patients", ["merged_into_id"])
    op.create_table(
        "distinct_patients",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("first_id", sa.Integer, nullable=False),
        sa.Column("second_id", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["first_id"], ["patients.id"], name="fk_distinct_patients_first_id"),
        sa.ForeignKeyConstraint(["second_id"], ["patients.id"], name="fk_distinct_patients_second_id"),
        sa.PrimaryKeyConstraint("id", name="pk_distinct_patients"),
        sa.UniqueConstraint("first_id", "second_id", name="uq_distinct_patients_first_id_second_id"),
    )
    with op.batch_alter_table("slides", table_kwargs={"sqlite_autoincrement": True}) as slides:
        slides.drop_constraint("uq_slides_patient_id_code", type_="unique")
        slides.add_column(sa.Column("merged_from_id", sa.Integer))
        slides.create_foreign_key("fk_slides_merged_from_id", "patients", ["merged_from_id"], ["id"])
        slides.add_column(sa.Column("age_years", sa.Double))
        slides.add_column(sa.Column("sex", sa.Text))
        slides.add_column(sa.Column("visit_day", sa.Integer))
        slides.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True)))
        slides.add_column(sa.Column("deleted_by", sa.Text))
        slides.add_column(sa.Column("delete_reason", sa.Text))
    there = sa.text("deleted_at IS NULL")
    op.create_index(
        "uq_slides_patient_id_code",
        "slides",
        ["patient_id", "code"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )
    op.create_index("ix_slides_merged_from_id", "slides", ["merged_from_id"])
    op.add_column("fields", sa.Column("status_before", sa.Text))
    op.add_column("fields", sa.Column("remove_reason", sa.Text))
    if op.get_context().dialect.name == "sqlite":
        # The new table knows only the numbers that are in it.
        remember_given(connection)

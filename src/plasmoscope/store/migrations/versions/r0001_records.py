"""Patients, slides, fields, corrections and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "patients",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_patients"),
        sa.UniqueConstraint("code", name="uq_patients_code"),
    )
    op.create_table(
        "slides",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("patient_id", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("taken_on", sa.Date, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("preparer", sa.Text, nullable=False),
        sa.Column("microscopist", sa.Text, nullable=False),
        sa.Column("stain", sa.Text, nullable=False),
        sa.Column("haematocrit_percent", sa.Double),
        sa.Column("red_cells_per_ul", sa.Double),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("signed_by", sa.Text),
        sa.Column("signed_at", moment),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name="fk_slides_patient_id"),
        sa.PrimaryKeyConstraint("id", name="pk_slides"),
        sa.UniqueConstraint("patient_id", "code", name="uq_slides_patient_id_code"),
    )
    op.create_index("ix_slides_taken_on", "slides", ["taken_on"])
    op.create_table(
        "fields",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("slide_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("image_sha256", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("override_gate", sa.Boolean, nullable=False),
        sa.Column("rejected", sa.Boolean, nullable=False),
        sa.Column("reject_reason", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("result", sa.Text),
        sa.Column("method", sa.JSON),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("duplicate_of_id", sa.Integer),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.Column("infected", sa.Integer, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.ForeignKeyConstraint(["slide_id"], ["slides.id"], name="fk_fields_slide_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["duplicate_of_id"], ["fields.id"], name="fk_fields_duplicate_of_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fields"),
        sa.UniqueConstraint("slide_id", "image_sha256", name="uq_fields_slide_id_image_sha256"),
    )
    op.create_index("ix_fields_image_sha256", "fields", ["image_sha256"])
    op.create_index("ix_fields_status", "fields", ["status"])
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("field_id", sa.Integer, nullable=False),
        sa.Column("cell_number", sa.Integer, nullable=False),
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("model_call", sa.Text, nullable=False),
        sa.Column("model_probability", sa.Double),
        sa.ForeignKeyConstraint(["field_id"], ["fields.id"], name="fk_corrections_field_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_field_id", "corrections", ["field_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    for statement in _APPEND_ONLY[op.get_context().dialect.name]:
        op.execute(statement)


# INSERT OR REPLACE deletes without SQLite's delete trigger, so an entry that is there refuses an insert as well.
_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()",
    ),
}

"""Who looked at which cell, and what the program said of each cell in a form that many fields are read in at once."""

import sqlalchemy as sa
from alembic import op

from plasmoscope.analysis.results import Field
from plasmoscope.analysis.review import pack_judged

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table and the column, and fill the column."""
    op.create_table(
        "looks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("field_id", sa.Integer, nullable=False),
        sa.Column("cell_number", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["field_id"], ["fields.id"], name="fk_looks_field_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_looks"),
        sa.UniqueConstraint("field_id", "cell_number", "by", name="uq_looks_field_id_cell_number_by"),
    )
    # Whoever called a cell had looked at it.
    op.execute(
        'INSERT INTO looks (field_id, cell_number, "by", "at") '
        'SELECT field_id, cell_number, "by", MIN("at") FROM corrections GROUP BY field_id, cell_number, "by"'
    )
    op.add_column("fields", sa.Column("judged", sa.LargeBinary))
    connection = op.get_bind()
    number, result, judged = (
        sa.column("id", sa.Integer),
        sa.column("result", sa.Text),
        sa.column("judged", sa.LargeBinary),
    )
    fields = sa.table("fields", number, result, judged)
    # One at a time: a result is large.
    for field_id in connection.scalars(sa.select(number).select_from(fields).where(result.is_not(None))).all():
        row = connection.execute(sa.select(result).select_from(fields).where(number == field_id)).one()
        packed = pack_judged(Field.model_validate_json(row.result))
        connection.execute(fields.update().where(number == field_id).values(judged=packed))

"""Warnings are kept as codes, so that each page says them in its reader's language."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# As earlier versions of the quality gate said them.
_CODES = {
    "the background is overexposed, so pale rings may be missed; turn the lamp down if you can": (
        "background_overexposed"
    ),
    "the cells are a little out of focus, so faint rings may be missed; refocus if you can": "a_little_out_of_focus",
    "the cells are small in this picture, so faint rings may be missed; use the camera's full size if you can": "small",
    "the cells lie in heaps; move to where they lie side by side, towards the feathered edge": "cells_in_heaps",
    "the picture was saved with few colours or strong compression, which wipes out rings; save it as PNG or as JPEG of "
    "high quality": "compressed",
}


def upgrade() -> None:
    """Give every warning its code."""
    fields = sa.table("fields", sa.column("id", sa.Integer), sa.column("warnings", sa.JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(fields)).all():
        codes = [_CODES.get(warning, warning) for warning in row.warnings]
        if codes != row.warnings:
            connection.execute(fields.update().where(fields.c.id == row.id).values(warnings=codes))

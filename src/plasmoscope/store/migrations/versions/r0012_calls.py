"""People's calls have the words that files and programs have: ``uninfected`` and ``not_a_cell``.

The audit trail keeps the words that it was written with: its entries are chained, and none is ever changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_FORMER = {"not infected": "uninfected", "not a cell": "not_a_cell"}


def upgrade() -> None:
    """Write them anew."""
    table = sa.table("corrections", sa.column("call", sa.String), sa.column("model_call", sa.String))
    for former, now in _FORMER.items():
        for column in (table.c.call, table.c.model_call):
            op.execute(table.update().where(column == former).values({column: now}))

"""What people type to log in is kept beside the name in the records, and is free again once they are removed.

So a name can be used again without the former person's signatures becoming the new person's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the columns; until now both names were one."""
    op.add_column("accounts", sa.Column("login", sa.Text, nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("removed", sa.Boolean, nullable=False, server_default=sa.false()))
    accounts = sa.table("accounts", sa.column("name"), sa.column("login"))
    op.execute(accounts.update().values(login=accounts.c.name))
    there = sa.text("NOT removed")
    op.create_index("ix_accounts_login", "accounts", ["login"], unique=True, sqlite_where=there, postgresql_where=there)

"""People who log in at a provider of OpenID Connect, and log-ins that are on their way there and back."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("accounts", sa.Column("openid", sa.Text))
    op.create_index("ix_accounts_openid", "accounts", ["openid"], unique=True)
    op.create_table(
        "openid_logins",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("state_hash", sa.Text, nullable=False),
        sa.Column("browser_hash", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("verifier", sa.Text, nullable=False),
        sa.Column("then", sa.Text, nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_openid_logins"),
        sa.UniqueConstraint("state_hash", name="uq_openid_logins_state_hash"),
    )

"""Calls of models that a recording answered, which nobody pays."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    with op.batch_alter_table("model_calls", recreate="always", table_kwargs={"sqlite_with_rowid": False}) as table:
        table.add_column(sa.Column("replayed", sa.Boolean, nullable=False, server_default=sa.false()))

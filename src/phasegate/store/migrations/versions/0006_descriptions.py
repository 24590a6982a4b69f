"""Table of tool descriptions by digest."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the table."""
    op.create_table(
        "descriptions",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("told", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )

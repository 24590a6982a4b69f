"""Scans of released runbooks, and what they found over time."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "scans",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("runbook", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("wheel", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("born", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False, server_default="{}"),
        sa.Column("digest", sa.Text, nullable=False, server_default=""),
        sa.Column("recorded", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scans_runbook", "scans", ["runbook", "begun_at"])
    op.create_table(
        "findings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("runbook", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("cost", sa.Text),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("held_back", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("first_scan", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_scan", sa.Text, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("fixed_at", sa.BigInteger),
        sa.Column("closed_as", sa.Text, nullable=False, server_default=""),
        sa.Column("times_back", sa.Integer, nullable=False, server_default="0"),
        sa.Column("mark", sa.Text, nullable=False, server_default=""),
        sa.Column("mark_by", sa.Text, nullable=False, server_default=""),
        sa.Column("mark_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("mark_until", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_findings_runbook", "findings", ["runbook", "account", "region"])

"""Calls of models, and work items of assistants."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "model_calls",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("characters", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reserved_tokens", sa.Integer, nullable=False),
        sa.Column("input", sa.Integer, nullable=False, server_default="0"),
        sa.Column("output", sa.Integer, nullable=False, server_default="0"),
        sa.Column("cache_read", sa.Integer, nullable=False, server_default="0"),
        sa.Column("cache_write", sa.Integer, nullable=False, server_default="0"),
        sa.Column("nano_usd", sa.BigInteger, nullable=False),
        sa.Column("reply", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "work_items",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("holder", sa.Text, nullable=False, server_default=""),
        sa.Column("lease", sa.Text),
        sa.Column("held_until", sa.BigInteger),
        sa.Column("answer", sa.Text),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.Column("rounds", sa.Integer, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_work_items_run", "work_items", ["run", "key"])

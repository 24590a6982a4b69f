"""Events are signed, several people may decide at one gate, decisions need a one-time token, and can be delegated."""

import sqlalchemy as sa
from alembic import op

from phasegate.core import InvalidInput

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of decisions and events anew, since unsigned rows cannot become signed ones."""
    if op.get_bind().exec_driver_sql("select count(*) from events").scalar():
        raise InvalidInput(
            "the database holds runs from before the first release, whose events are not signed",
            fix="move .phasegate/phasegate.db away and start the specs again; what was released stays in the index",
        )
    for table in ("decisions", "events"):
        op.drop_table(table)
    _add_people()
    _add_decisions()
    _add_events()


def _add_people() -> None:
    op.create_index("ix_gates_waiting", "gates", ["status", "opened_at", "run"])
    op.add_column("runs", sa.Column("by", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "delegations",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("revoked_at", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "used_tokens",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _add_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("phase", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("predicate", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("consumed_at", sa.Integer),
        sa.Column("revoked_at", sa.Integer),
        sa.UniqueConstraint("run", "phase", "attempt", "by"),
        sqlite_with_rowid=False,
    )


def _add_events() -> None:
    op.create_table(
        "events",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("before", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.UniqueConstraint("run", "key"),
        sqlite_with_rowid=False,
    )

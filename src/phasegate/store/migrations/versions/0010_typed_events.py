"""Events are typed, and each holds the version of its form."""

import sqlalchemy as sa
from alembic import op

from phasegate.core import InvalidInput

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Remake the table of events.

    Raises:
        InvalidInput: there are events: their record is of a form that no release wrote, and nobody can sign it anew.
    """
    if op.get_bind().exec_driver_sql("select count(*) from events").scalar():
        raise InvalidInput(
            "the database holds runs from before the first release",
            fix="finish them with the Phasegate that began them, or move phasegate.db away and start the specs again",
        )
    op.drop_table("events")
    op.create_table(
        "events",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("before", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.UniqueConstraint("run", "key"),
    )

"""Nothing: its table of events is made anew by the next one."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Leave everything as it is."""

"""Tables of the database, which a test compares with the migrations."""

import sqlalchemy as sa

metadata = sa.MetaData()


def _standing(name: str) -> sa.Table:
    """Return a table of signed statements that hold for a while."""
    return sa.Table(
        name,
        metadata,
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("revoked_at", sa.Integer),
        sqlite_with_rowid=False,
    )


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("segments", sa.Integer, nullable=False, server_default="0"),
    sa.Column("started_at", sa.Integer, nullable=False),
    sa.Column("by", sa.Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

gates = sa.Table(
    "gates",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("phase", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("tree", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("opened_at", sa.Integer, nullable=False),
    sa.Index("ix_gates_waiting", "status", "opened_at", "run"),
    sqlite_with_rowid=False,
)

decisions = sa.Table(
    "decisions",
    metadata,
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

used_tokens = sa.Table(
    "used_tokens",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("at", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

delegations = _standing("delegations")
grants = _standing("grants")

events = sa.Table(
    "events",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("at", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("before", sa.LargeBinary(32), nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.UniqueConstraint("run", "key"),
    # With row ids: a row of 1 KB, as a gate's, would take a page of its own in a table without them.
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("receipt", sa.Text),
    sqlite_with_rowid=False,
)

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.Text, nullable=False, unique=True),
)

descriptions = sa.Table(
    "descriptions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("told", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

mirrors = sa.Table(
    "mirrors",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Integer, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("holds", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("created_at", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("account", sa.Text, sa.ForeignKey("accounts.name", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("began_at", sa.Integer, nullable=False),
    sa.Column("ends_at", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("account", sa.Text, sa.ForeignKey("accounts.name", ondelete="CASCADE")),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.Integer, nullable=False),
    sa.Column("revoked_at", sa.Integer),
    sqlite_with_rowid=False,
)

backlog = sa.Table(
    "backlog",
    metadata,
    sa.Column("spec", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, unique=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("born", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("beat", sa.Integer, nullable=False),
    sa.Column("began_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("works", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

model_calls = sa.Table(
    "model_calls",
    metadata,
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
    sa.Column("replayed", sa.Boolean, nullable=False, server_default=sa.false()),
    sqlite_with_rowid=False,
)

work_items = sa.Table(
    "work_items",
    metadata,
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
    sa.Index("ix_work_items_run", "run", "key"),
    sqlite_with_rowid=False,
)

scans = sa.Table(
    "scans",
    metadata,
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
    sa.Index("ix_scans_runbook", "runbook", "begun_at"),
    sqlite_with_rowid=False,
)

findings = sa.Table(
    "findings",
    metadata,
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
    sa.Index("ix_findings_runbook", "runbook", "account", "region"),
    sqlite_with_rowid=False,
)

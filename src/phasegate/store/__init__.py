"""The seam to the database: one engine, its pragmas, its schema.

What runs, gates, decisions, events and effects mean is the ledger's; nothing here knows.
"""

from phasegate.store.database import Database, Guard, sync_engine
from phasegate.store.migrate import upgrade
from phasegate.store.statement import Execute, Result, Row, Statement
from phasegate.store.upsert import insert_new, insert_or_update

__all__ = [
    "Database",
    "Execute",
    "Guard",
    "Result",
    "Row",
    "Statement",
    "insert_new",
    "insert_or_update",
    "sync_engine",
    "upgrade",
]

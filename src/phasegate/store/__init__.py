"""The seam to the database: one engine, its pragmas, its schema.

What runs, gates, decisions, events and effects mean is the ledger's; nothing here knows.
"""

from phasegate.store.database import Database, Guard, sync_engine
from phasegate.store.migrate import upgrade
from phasegate.store.statement import Statement

__all__ = ["Database", "Guard", "Statement", "sync_engine", "upgrade"]

"""The seam to the database: addresses, transactions, statements, checkpoints, the queue's engine, locks and backups.

What runs, gates, decisions, events and effects mean is the ledger's; nothing here knows. What is particular to one
database stands in a room of its own, such as `store.sqlite`, which nothing outside `store` imports.
"""

from phasegate.store.address import DEFAULT, STORES, locate
from phasegate.store.database import LOST, Changes, Checkpoints, Database, Guard, Lock, Store, locked, unguarded
from phasegate.store.failing import failing, remedy
from phasegate.store.migrate import NEWEST
from phasegate.store.presence import Presence
from phasegate.store.sql import insert_new, insert_or_update, now_ms
from phasegate.store.statement import Execute, Result, Row, Statement

__all__ = [
    "DEFAULT",
    "LOST",
    "NEWEST",
    "STORES",
    "Changes",
    "Checkpoints",
    "Database",
    "Execute",
    "Guard",
    "Lock",
    "Presence",
    "Result",
    "Row",
    "Statement",
    "Store",
    "failing",
    "insert_new",
    "insert_or_update",
    "locate",
    "locked",
    "now_ms",
    "remedy",
    "unguarded",
]

"""The store in one SQLite file: the only room that knows its dialect, its file and the locks beside it."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily
from phasegate.store.sqlite.database import SqliteDatabase
from phasegate.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from phasegate.store.sqlite.checkpoints import SqliteCheckpoints as SqliteCheckpoints

__all__ = ["SqliteDatabase", "SqliteStore"]

__getattr__ = lazily(__name__, __file__)

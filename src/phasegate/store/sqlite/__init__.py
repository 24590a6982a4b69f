"""The store in one SQLite file: the only room that knows its dialect, its file and the locks beside it."""

from phasegate.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]

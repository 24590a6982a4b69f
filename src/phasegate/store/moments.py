"""`unixepoch('subsec')` for SQLite before 3.42, which gives NULL for it.

From Python 3.12 on, DBOS writes that call into the defaults of its columns and into its statements, and a file keeps
its defaults when another Python opens it. A function of the same name on each connection serves them all.
"""

import sqlite3
import time

_BUILT_IN = (3, 42)


def add_unixepoch(connection: sqlite3.Connection, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Register `unixepoch` with one argument where this SQLite does not know 'subsec'."""
    if version < _BUILT_IN:
        connection.create_function("unixepoch", 1, _now)


def _now(modifier: str) -> float | None:
    return time.time_ns() // 1_000_000 / 1000 if modifier == "subsec" else None

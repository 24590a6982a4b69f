"""Statements of SQLAlchemy Core for what happens at every step of a run.

Core finds a statement's SQL again, and describes its result anew, each time that it is executed. That is 90 µs around a
query of 5 µs, some hundred times a run; these are compiled once and handed to the driver as they are.
"""

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect(paramstyle="named")


class Statement:
    """One statement, with a value for each of its named parameters at each call."""

    def __init__(self, clause: sa.Executable) -> None:
        compiled = clause.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        self._sql = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def __call__(self, connection: sa.Connection, **values: Any) -> sqlite3.Cursor:
        """Executes it in the connection's transaction; rows are read by the names of their columns."""
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError(f"{type(driver).__name__} is not SQLite's driver")
        cursor = driver.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(self._sql, {**self._fixed, **values})

"""Statements of SQLAlchemy Core for what happens at every step of a run.

Core finds a statement's SQL again, and describes its result anew, each time that it is executed. That is 90 µs around a
query of 5 µs, some hundred times a run; these are compiled once and handed to the driver as they are.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import sqlalchemy as sa

EXECUTE = "phasegate_execute"
"""Execution option of an engine: its `Execute`, given the driver's connection first."""


class Row(Protocol):
    """A row, read by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a column."""

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""


class Result(Protocol):
    """Rows that a statement found, or how many it changed."""

    @property
    def rowcount(self) -> int:
        """Number of rows that were inserted, updated or deleted."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows that are left."""


class Execute(Protocol):
    """Executes a statement in the transaction that it belongs to."""

    def __call__(self, statement: "Statement", /, **values: Any) -> Result:
        """Return its result."""


class Statement:
    """A statement, with a value for each of its named parameters at each call."""

    def __init__(self, clause: sa.Executable) -> None:
        self._clause = clause
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def __call__(self, connection: sa.Connection, **values: Any) -> Result:
        """Execute it in the connection's transaction."""
        execute: Callable[..., Result] = connection.get_execution_options()[EXECUTE]
        return execute(connection.connection.driver_connection, self, **values)

    def compiled(self, dialect: sa.Dialect) -> tuple[str, dict[str, Any]]:
        """Return its SQL in a dialect, and the values that are fixed in it."""
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._clause.compile(dialect=dialect)  # type: ignore[attr-defined]
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[dialect.name] = str(compiled), fixed
        return found

"""SQL that SQLAlchemy has no words for: the database's clock, and inserts that meet a row of the same key."""

from collections.abc import Sequence
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now_ms(FunctionElement[int]):  # noqa: N801 - read as a function in statements
    """Milliseconds since 1970."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(now_ms)
def _standard(element: now_ms, compiler: Any, **_: Any) -> str:
    return "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)"


def insert_new(table: sa.Table, key: Sequence[str] = ()) -> sa.Insert:
    """Insert a row unless there is one with the same key.

    Args:
        table: Where.
        key: Columns of a unique constraint; a conflict with another one is an error. Left out: any constraint counts.
    """
    return _Upsert(table).meeting(key, ())


def insert_or_update(table: sa.Table, key: Sequence[str], columns: Sequence[str]) -> sa.Insert:
    """Insert a row, or give these columns of the row with the same key the values of the new one."""
    return _Upsert(table).meeting(key, columns)


class _Upsert(sa.Insert):
    inherit_cache = False  # the cache key of an insert does not know the conflict

    def meeting(self, key: Sequence[str], columns: Sequence[str]) -> Self:
        self._key, self._columns = key, columns
        return self


@compiles(_Upsert)
def _compile(element: _Upsert, compiler: Any, **options: Any) -> str:
    quote = compiler.preparer.quote
    key = f" ({', '.join(map(quote, element._key))})" if element._key else ""
    changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in element._columns)
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    return f"{compiler.visit_insert(element, **options)} ON CONFLICT{key} DO {action}"

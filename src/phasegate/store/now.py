"""The time by the database's clock, which is one for all who share it."""

from typing import Any

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


@compiles(now_ms, "sqlite")
def _sqlite(element: now_ms, compiler: Any, **_: Any) -> str:
    return "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)"  # no 'subsec' before SQLite 3.42

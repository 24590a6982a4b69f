from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.store import Statement
from phasegate.store.schema import effects
from phasegate.store.sqlite import SqliteStore


async def test_a_compiled_statement_takes_part_in_the_transaction(tmp_path: Path) -> None:
    database = await SqliteStore(tmp_path / "p.db").open()
    add, found = Statement(effects.insert()), Statement(sa.select(effects).where(effects.c.run == sa.bindparam("of")))

    def fails(connection: sa.Connection) -> None:
        add(connection, key="k", run="r", receipt=None)
        assert [row["key"] for row in found(connection, of="r")] == ["k"]
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fails)
    assert await database.read(lambda c: found(c, of="r").fetchall()) == []
    await database.close()


async def test_a_value_that_is_fixed_in_the_statement_is_not_an_argument(tmp_path: Path) -> None:
    clear = Statement(effects.update().where(effects.c.run == "r").values(receipt=sa.bindparam("what")))

    def cleared(connection: sa.Connection) -> int:
        connection.execute(effects.insert(), [{"key": "a", "run": "r"}, {"key": "b", "run": "s"}])
        return clear(connection, what="done").rowcount

    database = await SqliteStore(tmp_path / "p.db").open()
    assert await database.write(cleared) == 1
    await database.close()

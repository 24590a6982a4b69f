from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from phasegate.store import Database
from phasegate.store.migrate import NEWEST
from phasegate.store.schema import metadata


def _differences(connection: sa.Connection) -> object:
    ours = set(metadata.tables)
    options = {"include_name": lambda name, kind, _: kind != "table" or name in ours, "compare_type": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def _shapes(connection: sa.Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("select name, sql from sqlite_master where type = 'table'")
    return {name: " ".join(sql.split()) for name, sql in rows}


async def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "p.db")
    assert await database.read(_differences) == []
    migrated = await database.read(_shapes)
    await database.close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
    with engine.begin() as connection:
        metadata.create_all(connection)
        direct = _shapes(connection)
    engine.dispose()
    assert {name: migrated[name] for name in direct} == direct


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        database = await Database.open(tmp_path / "p.db")
        assert (
            await database.read(lambda c: c.exec_driver_sql("select version_num from alembic_version").scalar())
            == NEWEST
        )
        await database.close()


def test_the_newest_is_the_head_of_the_scripts() -> None:
    import phasegate.store

    folder = Path(phasegate.store.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [NEWEST]

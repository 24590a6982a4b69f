import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import phasegate.store
from phasegate.core import InvalidInput
from phasegate.store.migrate import NEWEST
from phasegate.store.schema import metadata
from phasegate.store.sqlite import SqliteStore
from phasegate.store.sqlite.engine import sync_engine
from phasegate.store.sqlite.files import siblings

FOLDER = Path(phasegate.store.__file__).parent / "migrations"


def _differences(connection: sa.Connection) -> object:
    ours = set(metadata.tables)
    options = {"include_name": lambda name, kind, _: kind != "table" or name in ours, "compare_type": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def _shapes(connection: sa.Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("select name, sql from sqlite_master where type = 'table'")
    # SQLite quotes the name of a table that was renamed, as those are that a migration copies.
    return {name: " ".join(sql.split()).replace(f'TABLE "{name}"', f"TABLE {name}") for name, sql in rows}


async def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    database = await SqliteStore(tmp_path / "p.db").open()
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
        database = await SqliteStore(tmp_path / "p.db").open()
        assert (
            await database.read(lambda c: c.exec_driver_sql("select version_num from alembic_version").scalar())
            == NEWEST
        )
        await database.close()


def _made(path: Path, revision: str) -> None:
    """Makes a database as an earlier Phasegate left it."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = sync_engine(path)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.exec_driver_sql("create table kept (n)")
    engine.dispose()


async def _opened(path: Path) -> None:
    database = await SqliteStore(path).open()
    await database.close()


def test_a_copy_is_kept_before_a_migration_and_the_newest_copies_stay(tmp_path: Path) -> None:
    for old in ("0002", "0003", "0004", "0005"):
        for file in siblings(tmp_path / "p.db"):
            file.unlink()
        _made(tmp_path / "p.db", old)
        asyncio.run(_opened(tmp_path / "p.db"))
    kept = sorted(tmp_path.glob("p.db.before-*"))
    assert [file.name[-4:] for file in kept] == ["0003", "0004", "0005"]
    with closing(sqlite3.connect(kept[-1])) as copy:
        assert copy.execute("select version_num from alembic_version").fetchone() == ("0005",)
        assert copy.execute("select count(*) from kept").fetchone() == (0,)
    assert kept[-1].stat().st_mode & 0o077 == 0


def test_the_newest_is_the_head_of_the_scripts() -> None:
    assert ScriptDirectory(str(FOLDER)).get_heads() == [NEWEST]


@pytest.mark.parametrize("revision", ["0008", "0009"])
def test_runs_from_before_the_first_release_are_refused_and_stay(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "p.db"
    _made(path, revision)
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("insert into events values ('a', 1, 'run', 0, '{}', x'', x'')")
    with pytest.raises(InvalidInput, match="from before the first release") as refused:
        asyncio.run(_opened(path))
    assert "phasegate.db" in str(refused.value.fix)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("select count(*) from events").fetchone() == (1,)

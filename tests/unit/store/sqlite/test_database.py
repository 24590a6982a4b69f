import asyncio
import os
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

import phasegate.store.sqlite.database as module
from phasegate.core import Exhausted, InvalidInput
from phasegate.store import remedy
from phasegate.store.sqlite import SqliteStore
from phasegate.store.sqlite.database import SqliteDatabase
from phasegate.store.sqlite.engine import queue_engine
from phasegate.store.sqlite.errors import storage_errors

TEXT = "x" * 4000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await SqliteStore(tmp_path / "state" / "p.db").open()
    await opened.write(_run, "create table counter (n integer, text text)")
    await opened.write(_run, "insert into counter values (0, '')")
    yield opened
    await opened.close()


def _run(connection: sa.Connection, sql: str) -> None:
    connection.exec_driver_sql(sql)


def _count(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("select n from counter").scalar_one())


def _increment(connection: sa.Connection) -> None:
    seen = _count(connection)
    connection.exec_driver_sql("update counter set n = ?", (seen + 1,))


async def test_twenty_who_read_and_then_write_lose_nothing(tmp_path: Path, database: SqliteDatabase) -> None:
    others = [await SqliteStore(tmp_path / "state" / "p.db").open() for _ in range(4)]
    await asyncio.gather(*(each.write(_increment) for each in [database, *others] for _ in range(4)))
    assert await database.read(_count) == 20
    for other in others:
        await other.close()


async def test_what_raises_inside_is_not_stored(database: SqliteDatabase) -> None:
    def fails(connection: sa.Connection) -> None:
        _increment(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fails)
    assert await database.read(_count) == 0
    await database.write(_increment)
    assert await database.read(_count) == 1


async def test_a_reader_sees_one_state_and_waits_for_no_writer(tmp_path: Path, database: SqliteDatabase) -> None:
    with closing(sqlite3.connect(tmp_path / "state" / "p.db", isolation_level=None)) as writer:
        writer.execute("begin immediate")
        writer.execute("update counter set n = 7")
        assert await database.read(_count) == 0
        writer.execute("commit")
    assert await database.read(_count) == 7


async def test_a_write_waits_beside_the_loop_for_who_holds_the_file(tmp_path: Path, database: SqliteDatabase) -> None:
    with closing(sqlite3.connect(tmp_path / "state" / "p.db", isolation_level=None)) as holder:
        holder.execute("begin immediate")
        waits = [asyncio.create_task(database.write(_increment)) for _ in range(3)]
        await asyncio.sleep(0.05)  # the loop goes on
        assert not any(task.done() for task in waits)
        holder.execute("rollback")
    await asyncio.gather(*waits)
    assert await database.read(_count) == 3


async def test_a_write_is_done_at_once_where_nobody_writes(database: SqliteDatabase) -> None:
    threads = []

    def writes(connection: sa.Connection) -> None:
        threads.append(threading.current_thread())

    await database.write(writes)
    assert threads == [threading.main_thread()]


async def test_the_file_is_in_wal_mode_and_a_new_one_is_opened_by_many_at_once(tmp_path: Path) -> None:
    opened = await asyncio.gather(*(SqliteStore(tmp_path / "new" / "p.db").open() for _ in range(6)))
    assert await opened[0].read(lambda c: c.exec_driver_sql("pragma journal_mode").scalar_one()) == "wal"
    for each in opened:
        await each.close()


@pytest.mark.slow
async def test_a_database_that_somebody_holds_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: SqliteDatabase
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)
    impatient = await SqliteStore(tmp_path / "state" / "p.db").open()
    with closing(sqlite3.connect(tmp_path / "state" / "p.db", isolation_level=None)) as holder:
        holder.execute("begin immediate")
        with pytest.raises(Exhausted, match="locked") as refused:
            await impatient.write(_increment)
    assert "stop that process" in refused.value.fix
    await impatient.write(_increment)
    assert await impatient.read(_count) == 1
    await impatient.close()


async def test_a_full_disk_stores_nothing_and_loses_nothing(database: SqliteDatabase) -> None:
    pages = await database.write(lambda c: int(c.exec_driver_sql("pragma page_count").scalar_one()))
    await database.write(_run, f"pragma max_page_count = {pages + 2}")
    with pytest.raises(Exhausted, match="full") as refused:
        await database.write(_fill)
    assert "free some disk space" in refused.value.fix
    assert await database.read(_count) == 0


def _fill(connection: sa.Connection) -> None:
    _increment(connection)
    for _ in range(50):
        connection.exec_driver_sql("insert into counter values (1, ?)", (TEXT,))


async def test_a_file_that_cannot_grow_stores_nothing_and_loses_nothing(database: SqliteDatabase) -> None:
    with _file_size_limit(database.store.path.stat().st_size // 2), pytest.raises(Exhausted) as refused:
        await database.write(_fill)
    assert refused.value.fix
    await database.write(_increment)
    assert await database.read(_count) == 1


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """As a disk that is full: the kernel refuses every write past this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_file_that_is_read_only_is_told_so(tmp_path: Path, database: SqliteDatabase) -> None:
    await database.write(_run, "pragma query_only = 1")
    with pytest.raises(Exhausted, match="readonly") as refused:
        await database.write(_increment)
    assert "may be written" in refused.value.fix
    assert await database.read(_count) == 0


async def test_a_folder_that_cannot_be_made_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Exhausted, match="cannot be"):
        await SqliteStore(tmp_path / "file" / "p.db").open()


async def test_a_file_that_is_no_database_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "p.db").write_bytes(b"certainly not a database" * 100)
    with pytest.raises(Exhausted, match="not a database") as refused:
        await SqliteStore(tmp_path / "p.db").open()
    assert "phasegate restore" in refused.value.fix


async def test_a_statement_of_ours_that_is_wrong_is_not_blamed_on_the_disk(database: SqliteDatabase) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(_run, "insert into runs (id) values (null)")


async def test_a_newer_database_is_left_alone(tmp_path: Path, database: SqliteDatabase) -> None:
    await database.write(_run, "update alembic_version set version_num = '9999'")
    with pytest.raises(InvalidInput, match="newer Phasegate"):
        await SqliteStore(tmp_path / "state" / "p.db").open()


async def test_what_is_written_is_on_disk_when_it_is_said_to_be(database: SqliteDatabase) -> None:
    levels = [await database.write(_level) for _ in range(2)]
    with closing(sqlite3.connect(database.store.path, isolation_level=None)) as holder:
        holder.execute("begin immediate")
        waits = asyncio.create_task(database.write(_level))  # in the thread that waits, on a connection of its own
        await asyncio.sleep(0.05)
        holder.execute("rollback")
    assert [*levels, await waits] == [2, 2, 2]  # FULL


def _level(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("pragma synchronous").scalar_one())


async def test_nobody_but_its_owner_reads_it(tmp_path: Path, database: SqliteDatabase) -> None:
    files = list((tmp_path / "state").iterdir())
    assert {file.name for file in files} >= {"p.db", "p.db-wal", "p.db-shm"}
    assert {file.stat().st_mode & 0o077 for file in [tmp_path / "state", *files]} == {0}


async def test_one_that_others_could_read_is_closed_to_them(tmp_path: Path, database: SqliteDatabase) -> None:
    for file in (tmp_path / "state").iterdir():
        file.chmod(0o644)
    (tmp_path / "state").chmod(0o755)
    other = await SqliteStore(database.store.path).open()
    await other.close()
    assert {file.stat().st_mode & 0o077 for file in [tmp_path / "state", *(tmp_path / "state").glob("p.db*")]} == {0}


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
async def test_log_that_others_could_read_is_closed_to_them(
    tmp_path: Path, database: SqliteDatabase, ending: str
) -> None:
    log = tmp_path / "state" / f"p.db{ending}"
    log.chmod(0o644)
    other = await SqliteStore(database.store.path).open()
    await other.close()
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["what?now", "a%41b", "a#b", "a b", "ä-ü", "a&b=c", "'q\"", "file:x", "a;b", "[x]*"])
async def test_the_file_is_the_one_of_that_path(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "p.db"
    opened = await SqliteStore(path).open()
    await opened.close()
    queue = queue_engine(path)
    with queue.connect() as connection:
        assert connection.exec_driver_sql("select version_num from alembic_version").scalar_one()
    queue.dispose()
    assert os.listdir(tmp_path) == [name]


async def test_a_path_that_is_too_long_is_told_so(tmp_path: Path) -> None:
    longest = tmp_path.joinpath(*["y" * 100] * 4)
    longest /= "z" * (488 - len(str(longest / "p.db")) - 1)
    longest.parent.mkdir(parents=True)
    opened = await SqliteStore(longest / "p.db").open()
    await opened.close()
    with pytest.raises(InvalidInput, match="has 489 bytes") as refused:
        await SqliteStore(longest / "pp.db").open()
    assert "shorter path" in refused.value.fix


@pytest.mark.parametrize(
    ("content", "left", "words"),
    [
        pytest.param(b"", (), "is empty", id="cut to nothing"),
        pytest.param(b"\0" * 4096, (), "is not a database", id="zeros"),
        pytest.param(None, ("-wal",), "a part of it is left", id="gone, but for its log"),
    ],
)
async def test_nothing_begins_anew_in_place_of_what_was_lost(
    tmp_path: Path, content: bytes | None, left: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "p.db"
    for ending in left:
        path.with_name(f"p.db{ending}").write_bytes(b"x")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Exhausted, match=words) as refused:
        await SqliteStore(path).open()
    assert "phasegate restore" in refused.value.fix
    assert (path.read_bytes() if path.exists() else None) == content


async def test_a_database_that_is_being_made_is_not_there_yet(tmp_path: Path) -> None:
    """A process that is killed leaves a half, which the next does not take for the whole."""
    (tmp_path / ".unfinished-p.db").write_bytes(b"")
    opened = await SqliteStore(tmp_path / "p.db").open()
    await opened.close()
    assert sorted(os.listdir(tmp_path)) == [".creating", "p.db"]


def test_an_input_or_output_error_names_the_limit_of_a_file(tmp_path: Path) -> None:
    with _file_size_limit(1 << 30):
        with pytest.raises(Exhausted) as refused, storage_errors(tmp_path / "x.db"):
            raise sqlite3.OperationalError("disk I/O error")
        assert "ulimit -f unlimited" in refused.value.fix
        assert "ulimit -f unlimited" in remedy("disk I/O error")
    assert "ulimit" not in remedy("disk I/O error")
    assert "ulimit -f unlimited" in remedy("[Errno 27] File too large: 'x'")


async def test_a_repository_that_was_moved_away_gets_no_new_record(tmp_path: Path) -> None:
    with pytest.raises(Exhausted, match="No such file"):
        await SqliteStore.within(tmp_path / "gone" / ".git" / "phasegate").open()
    assert not (tmp_path / "gone").exists()


def test_an_input_or_output_error_names_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(Exhausted) as refused, storage_errors(tmp_path / "x.db"):
        raise sqlite3.OperationalError("disk I/O error")
    assert "disk space" in refused.value.fix

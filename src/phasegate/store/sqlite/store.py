"""The address of a database in one file, and what is done with the file as a whole."""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import sqlalchemy as sa

from phasegate.core.files import owner_folder, sync_folder
from phasegate.core.locks import FileLock, try_lock_file
from phasegate.store.database import Guard, unguarded
from phasegate.store.migrate import upgrade
from phasegate.store.sqlite import files
from phasegate.store.sqlite.database import SqliteDatabase
from phasegate.store.sqlite.engine import WRITES, plain_engine, queue_engine, sync_engine
from phasegate.store.sqlite.errors import storage_errors

_NAME, _LOCKS = "phasegate.db", "locks"

T = TypeVar("T")


@dataclass(frozen=True)
class SqliteStore:
    """A database in one file, with named locks as files beside it."""

    path: Path

    @classmethod
    def within(cls, state: Path) -> Self:
        """Return the store in a state directory."""
        return cls(state / _NAME)

    @classmethod
    def at(cls, url: sa.URL) -> Self:
        """Return the store at a URL, such as `sqlite:////var/lib/phasegate.db`."""
        return cls(Path(url.database or ""))

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    @property
    def places(self) -> Collection[Path]:
        """The file, and its folder, where SQLite keeps the log."""
        return self.path, self.path.parent

    def exists(self) -> bool:
        """Return whether there is a file."""
        return self.path.is_file()

    def is_database(self) -> bool:
        """Return whether the file is a database, by how it begins."""
        return files.is_database(self.path)

    async def open(self, guard: Guard = unguarded) -> SqliteDatabase:
        """Open the file, made with its tables where it is missing and readable by its owner alone."""
        with self.errors():
            await asyncio.to_thread(self._prepare)
            engine = sync_engine(self.path)
            try:
                await asyncio.to_thread(self._migrate, engine)
            except BaseException:
                engine.dispose()
                raise
        return SqliteDatabase(self, engine, guard)

    def engine(self) -> sa.Engine:
        """Make an engine whose transactions take the write lock first."""
        return sync_engine(self.path).execution_options(**WRITES)

    def queue_engine(self) -> sa.Engine:
        """Make an engine whose transactions begin with their first write."""
        return queue_engine(self.path)

    def changes(self) -> "DataVersion":
        """Look at the version that SQLite keeps of the file's content."""
        return DataVersion(self.path)

    def errors(self) -> AbstractContextManager[None]:
        """Raise the file's failures inside as `Exhausted`, with what a person can do."""
        return storage_errors(self.path)

    def try_lock(self, name: str) -> FileLock | None:
        """Take a file lock, which the kernel drops when the process dies."""
        folder = self.path.parent / _LOCKS
        owner_folder(folder)
        return try_lock_file(folder / name)

    def back_up(self, target: Path, describe: Callable[[sa.Connection], T]) -> T:
        """Copy the content into a file without a log beside it, and let the function read the copy."""
        files.copy(self.path, target)
        engine = plain_engine(target)
        try:
            with engine.begin() as connection:
                return describe(connection)
        finally:
            engine.dispose()

    def fault(self) -> str:
        """Return the first thing that SQLite's own check finds."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = str(connection.execute("pragma integrity_check").fetchone()[0])
        return "" if found == "ok" else found

    def put_aside(self) -> list[Path]:
        """Move the file, or its log where only that is left, into a new folder beside it."""
        left = files.siblings(self.path)
        if not left:
            return []
        aside = Path(tempfile.mkdtemp(prefix="aside-", dir=self.path.parent))
        for file in left:
            os.rename(file, aside / file.name)
        sync_folder(aside)
        sync_folder(aside.parent)
        return [aside / file.name for file in left]

    def _prepare(self) -> None:
        files.prepare(self.path)
        if not self.path.exists():
            files.create(self.path, self._create)
        files.refuse_lost(self.path)

    def _create(self, unfinished: Path) -> None:
        engine = sync_engine(unfinished)
        try:
            upgrade(engine.execution_options(**WRITES))
        finally:
            engine.dispose()

    def _migrate(self, engine: sa.Engine) -> None:
        upgrade(engine.execution_options(**WRITES), lambda seen: files.keep_copy(self.path, f"schema-{seen}"))


class DataVersion:
    """Watcher for commits of other connections to the file, for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version = 0

    def any(self) -> bool:
        """Return whether anything was committed since the last look, and True at the first."""
        if self._connection is None:
            self._connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        self._version, before = version, self._version
        return bool(version != before)

    def close(self) -> None:
        """Close the connection."""
        with suppress(sqlite3.Error):
            if self._connection:
                self._connection.close()
        self._connection = None

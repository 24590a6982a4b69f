"""The database as files: made whole or not at all, readable by its owner alone, and never begun anew by accident."""

import glob
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from phasegate.core import Exhausted, InvalidInput
from phasegate.core.files import OWNER_FILE, UNFINISHED, open_owned, owner_folder, sync_file, sync_folder
from phasegate.core.locks import lock_file
from phasegate.store.database import LOST

_LONGEST_PATH = 488
"""Bytes; SQLite takes 511, with our prefix of a file that is not whole and its own endings."""
_KEPT = 3
"""Copies that are kept beside a database; the oldest go."""
_ENDINGS = ("", "-wal", "-shm", "-journal")


def prepare(path: Path) -> None:
    """Make the folder of a database, and let nobody but their owner into what is there.

    Raises:
        InvalidInput: The path cannot be used.
    """
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise InvalidInput(
            f"the path of the database has {length} bytes, and {_LONGEST_PATH} are the most: '{path}'",
            fix="move the repository to a shorter path",
        )
    owner_folder(path.parent)
    # An earlier version may have made it, or somebody copied it here.
    for file in siblings(path):
        _owner_alone(file)


def _owner_alone(file: Path) -> None:
    """Let nobody but its owner into a file, as a database and its log hold the managers' encrypted keys."""
    with suppress(FileNotFoundError):  # another process that closes the database takes its log away
        if file.stat().st_mode & 0o077:
            file.chmod(OWNER_FILE)


def create(path: Path, migrate: Callable[[Path], None]) -> None:
    """Make a new database, in one of several processes that do at once.

    Args:
        path: Where; nothing is there until it is complete.
        migrate: Makes the tables in the file of that path.
    """
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    with lock_file(path.with_name(".creating")):
        if path.exists():
            return
        if siblings(path):
            raise Exhausted(f"the database '{path}' is gone, and a part of it is left: '{siblings(path)[0]}'", fix=LOST)
        for file in siblings(unfinished):
            # Left by a process that was killed while it made them; only whoever has the lock is here.
            file.unlink()
        open_owned(unfinished, "wb").close()
        migrate(unfinished)
        sync_file(unfinished)
        os.rename(unfinished, path)
        sync_folder(path.parent)


def refuse_lost(path: Path) -> None:
    """Refuse a file that holds no database: to begin anew in its place would lose what it held.

    Raises:
        Exhausted: It is empty, or something else.
    """
    if not path.stat().st_size:
        raise Exhausted(f"the database '{path}' is empty (0 bytes)", fix=LOST)
    if not is_database(path):
        raise Exhausted(f"the file '{path}' is not a database", fix=LOST)


def is_database(path: Path) -> bool:
    """Tell whether a database is there, by how the file begins."""
    if not path.is_file() or not path.stat().st_size:
        return False
    # Through SQLite: to open and close the file past it would drop the locks that this process holds on it, and the
    # next process to close the database would take away the log under our connections.
    with closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.DatabaseError as error:
            return "not a database" not in str(error)
    return True


def siblings(path: Path) -> list[Path]:
    """The files that make up a database, as far as they are there."""
    return [file for file in path.parent.glob(f"{glob.escape(path.name)}*") if file.name[len(path.name) :] in _ENDINGS]


def keep_copy(path: Path, why: str) -> None:
    """Keep a copy beside the database, under a name that says why."""
    copy(path, path.with_name(f"{path.name}.before-{why}"))
    for old in sorted(path.parent.glob("*.before-*"), key=lambda file: file.stat().st_mtime_ns)[:-_KEPT]:
        old.unlink()


def copy(source: Path, target: Path) -> None:
    """Copy a database, also while others write, to a file, which is there once it is whole and on disk."""
    unfinished = target.with_name(f"{UNFINISHED}{target.name}")
    open_owned(unfinished, "wb").close()
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(unfinished)) as part:
        whole.backup(part)
        part.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    sync_file(unfinished)
    os.rename(unfinished, target)
    sync_folder(target.parent)

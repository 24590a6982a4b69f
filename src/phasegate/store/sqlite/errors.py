"""SQLite's failures: which of them mean that the file takes no writes, and what a person can do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from phasegate.core import Exhausted
from phasegate.core.files import LARGER_FILES, has_size_limit

_STORAGE = (
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.ENOENT,
)
_CODES = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_BUSY,
)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Raise the database's own failures as `Exhausted` with a remedy, after nothing was stored."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        if _is_ours(error):
            raise
        said = str(_cause(error))
        raise Exhausted(f"the database '{path}' cannot be used: {said}", fix=_fix(str(error))) from error
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        raise Exhausted(
            f"'{path.parent}' cannot be written: {error.strerror}", fix=_fix(error.strerror or "")
        ) from error


def is_locked(error: Exception) -> bool:
    """Return whether somebody else holds the file's lock, so that the transaction did not begin."""
    return _code(_cause(error)) == sqlite3.SQLITE_BUSY


def takes_no_writes(error: BaseException) -> bool | None:
    """Return whether an error of SQLite means that the file takes no writes for now, or None for another error."""
    return _code(error) in _CODES if isinstance(error, sqlite3.Error) else None


def _cause(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_ours(error: Exception) -> bool:
    """Return whether the statement rather than the file is at fault, since corruption is a plain DatabaseError."""
    return type(_cause(error)) not in (sqlite3.OperationalError, sqlite3.DatabaseError)


def _fix(message: str) -> str:
    if "full" in message or "No space" in message:
        return "free some disk space, then go on with 'phasegate run --resume RUN'"
    if "not a database" in message or "malformed" in message:
        return "put a copy of it back, or move it away; what was approved is still in the repository's branches"
    if "locked" in message:
        return "another process held it for 30 s: stop that process, or try again"
    if "I/O error" in message and has_size_limit():
        return f"{LARGER_FILES}, then try again"
    if "I/O error" in message:  # SQLite says it of a full disk too, where it cannot lengthen its shared memory
        return "free some disk space if there is none, and check that the folder may be written by you; then try again"
    return "check that the folder is there and may be written by you"

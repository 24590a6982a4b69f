"""Locks of files, which the kernel drops when the process that holds them dies.

They are for files that are not the database's, such as a package index; what a store locks by name has its own way.
"""

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from phasegate.core.errors import Exhausted
from phasegate.core.files import OWNER_FILE

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FileLock:
    """A lock that this process holds until it closes it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def close(self) -> None:
        """Release the lock and leave its file, since removing it would let two processes lock two files of one name."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def lock_file(path: Path, mode: int = OWNER_FILE) -> FileLock:
    """Wait for the lock of a file, which is made with that mode where it is missing.

    Raises:
        Exhausted: The file system has no locks.
    """
    lock = _locked(path, os.O_WRONLY | os.O_CREAT, mode, 0)
    assert lock is not None
    return lock


def try_lock_file(path: Path) -> FileLock | None:
    """Take the lock of a file, made where it is missing, or None where it is held.

    Raises:
        Exhausted: The file system has no locks.
    """
    return _locked(path, os.O_WRONLY | os.O_CREAT, OWNER_FILE, fcntl.LOCK_NB)


def try_lock_folder(path: Path) -> FileLock | None:
    """Take the lock of a folder that is no link, or None where it is held.

    Raises:
        Exhausted: The file system has no locks.
    """
    return _locked(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, 0, fcntl.LOCK_NB)


def _locked(path: Path, flags: int, mode: int, wait: int) -> FileLock | None:
    # A program that we start would inherit the handle, and hold the lock for as long as it runs.
    handle = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | wait)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            return None
        if error.errno not in _NO_LOCKS:
            raise
        raise Exhausted(
            f"'{path}' cannot be locked: {error.strerror}",
            fix="keep the repository on a disk with file locks, such as one of this machine",
        ) from error
    return FileLock(handle)

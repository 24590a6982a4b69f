"""Failures of storage that takes no writes for now, and what a person can do."""

import errno
import os
from collections.abc import Iterator

from phasegate.core import Exhausted
from phasegate.core.files import LARGER_FILES, has_size_limit
from phasegate.store.sqlite.errors import takes_no_writes

_ERRNOS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ESTALE,
)
_TEXTS = tuple(os.strerror(number) for number in _ERRNOS)
_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT)))
_FILES = tuple(map(os.strerror, (errno.EMFILE, errno.ENFILE)))
_FIXES = {
    LARGER_FILES: (os.strerror(errno.EFBIG),),
    "free some disk space": ("full", *_FULL),
    "allow more open files ('ulimit -n 1024')": ("unable to open", *_FILES),
    "make the file system writable again": ("readonly", os.strerror(errno.EROFS)),
}


def failing(error: BaseException) -> Exhausted | None:
    """Find in an error, and in what caused it, that storage takes no writes for now.

    Returns:
        What happened and what a person can do, with `RUN` for the run; None where the failure is of another kind.
    """
    cause = next((each for each in _chain(error) if _is_storage(each)), None)
    if cause is None:
        return None
    said = next((str(each) for each in _chain(error) if isinstance(each, Exhausted)), str(cause))
    return Exhausted(said, fix=f"{remedy(str(cause))}, then 'phasegate run --resume RUN'")


def remedy(message: str) -> str:
    """Say what a person can do about a failure of storage."""
    if "I/O error" in message and has_size_limit():  # SQLite says no more of a file that may not grow
        return LARGER_FILES
    found = (fix for fix, texts in _FIXES.items() if any(text.lower() in message.lower() for text in texts))
    return next(found, "make the disk work again")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # SQLAlchemy wraps the driver's error, and only that one has SQLite's code.
        original = getattr(error, "orig", None)
        if isinstance(original, BaseException):
            yield original
        error = error.__cause__ or error.__context__


def _is_storage(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _ERRNOS
    known = takes_no_writes(error)
    return any(text in str(error) for text in _TEXTS) if known is None else known

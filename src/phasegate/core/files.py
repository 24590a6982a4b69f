"""Files that are on disk once they are written and belong to their owner alone, and pipes of subprocesses."""

import os
import resource
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, TextIO, overload

if TYPE_CHECKING:
    from asyncio.subprocess import Process

OWNER_FOLDER, OWNER_FILE = 0o700, 0o600
"""Modes that let nobody but the owner in."""
UNFINISHED = ".unfinished-"
"""Prefix of a file that is not whole yet; a process that was killed leaves one behind."""

LARGER_FILES = "allow larger files ('ulimit -f unlimited')"
"""What to do where a file may not grow."""


def has_size_limit() -> bool:
    """Return whether the files that this process writes may have a certain size only."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


@overload
def open_owned(path: Path, mode: Literal["w", "a"]) -> TextIO: ...
@overload
def open_owned(path: Path, mode: Literal["wb", "ab"]) -> BinaryIO: ...
def open_owned(path: Path, mode: Literal["w", "a", "wb", "ab"]) -> IO[Any]:
    """Open a file, made readable by its owner alone where it is missing."""
    return open(path, mode, encoding=None if "b" in mode else "utf-8", opener=_owner_only)


def owner_folder(path: Path, *, parents: bool = False) -> None:
    """Make a folder that nobody but its owner can enter, or make that so of one that is there.

    Args:
        path: Where.
        parents: Whether missing parents are made; else nothing appears where a repository was moved away.

    Raises:
        FileNotFoundError: The parent is missing.
    """
    path.mkdir(parents=parents, exist_ok=True, mode=OWNER_FOLDER)
    if path.stat().st_mode & 0o077:
        path.chmod(OWNER_FOLDER)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, on disk at return even where the machine then stops."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        # Within one folder, and so within one file system, where a rename is one step.
        os.replace(unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Put the content of a file on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path | str) -> None:
    """Put the entries of a folder on disk: a file that was made or renamed is lost without."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, OWNER_FILE)


def close_pipes(process: "Process") -> None:
    """Close a subprocess's pipes, whose other ends a process that escaped may hold open for good."""
    transport: Any = vars(process)["_transport"]  # asyncio has no public way to it
    transport.close()

"""Folders that hostile code has filled: measured and removed without recursion, whatever their depth and rights."""

import contextlib
import os
import stat
from pathlib import Path

MOST_ENTRIES = 20_000
MOST_DEPTH = 100


def size(top: Path, most: int) -> int:
    """Count the bytes that the files and folders below `top` take on disk.

    Returns:
        `most` + 1 where it is more than `most`, more entries or deeper than anyone needs, or cannot be looked into.
    """
    total = entries = 0
    folders = [(os.fspath(top), 0)]
    while folders:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    with contextlib.suppress(FileNotFoundError):
                        # Blocks and not length: a sparse file takes no disk, and an empty one still takes a folder's
                        # entry.
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            folders.append((entry.path, depth + 1))
                    entries += 1
                    if total > most or entries > MOST_ENTRIES:
                        return most + 1
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # closed to us, or a path that is longer than the kernel takes
            return most + 1
        if depth > MOST_DEPTH:
            return most + 1
    return total


def remove(top: Path) -> None:
    """Remove the folder and all below it, after whatever wrote there has ended.

    Folders are moved up beside each other before they are emptied, so that no path is ever long.
    """
    with contextlib.suppress(FileNotFoundError):
        _open_up(top)
        # By descriptors, one level at a time: a path could be longer than the kernel takes, and a link in it would lead
        # out.
        here = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _empty(here)
        finally:
            os.close(here)
        os.rmdir(top)


def _empty(top: int) -> None:
    number = 0
    while names := [name for name in os.listdir(top) if not _unlinked(top, name)]:
        for name in names:
            _open_up(name, top)
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                for inner in [inner for inner in os.listdir(folder) if not _unlinked(folder, inner)]:
                    _open_up(inner, folder)
                    number += 1
                    os.rename(inner, _free_name(top, number), src_dir_fd=folder, dst_dir_fd=top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _free_name(top: int, number: int) -> str:
    name = f"moved-{number}"
    while _exists(name, top):
        name += "-"
    return name


def _exists(name: str, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _unlinked(folder: int, name: str) -> bool:
    if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
        os.unlink(name, dir_fd=folder)
        return True
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:  # not empty
        return False
    return True


def _open_up(name: str | Path, folder: int | None = None) -> None:
    # A command can take its own folders' permissions away.
    if not stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        os.chmod(name, 0o700, dir_fd=folder)

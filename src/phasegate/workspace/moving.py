"""The state folder moved to another place, whole in one of the two whatever is killed meanwhile."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from phasegate.core.files import sync_file, sync_folder
from phasegate.workspace.state import LINK

_MOVED = "moved-from"


def move_folder(old: Path, state: Path, rename: Callable[[Path, Path], None] = os.rename) -> None:
    """Move the folder so that a process killed meanwhile leaves it whole in one of the two places."""
    if state.exists():
        state.rmdir()
    try:
        rename(old, state)
    except OSError:
        copy_folder(old, state)
        remove_folder(old)
    sync_folder(state.parent)
    sync_folder(old.parent)


def copy_folder(old: Path, state: Path) -> None:
    """Copy the folder to another file system, where it appears once it is whole and on disk."""
    part = state.with_name(f"{state.name}.moving")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(old, part, symlinks=True)
    # Tells the two of them apart where the process is killed before the old one is removed.
    (part / _MOVED).write_text(_identity(old), encoding="ascii")
    for path in part.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            sync_folder(path)
        elif path.is_file() and not path.is_symlink():
            sync_file(path)
    os.rename(part, state)
    sync_folder(state.parent)


def remove_folder(old: Path) -> None:
    """Remove the folder, out of the way at once: a process killed meanwhile leaves no half of it under its name."""
    gone = old.with_name(f"{LINK}-moved")
    os.rename(old, gone)
    shutil.rmtree(gone, ignore_errors=True)


def is_copy(state: Path, old: Path) -> bool:
    """Return whether the record was copied from there, by a process that was killed before it removed it there."""
    marker = state / _MOVED
    return marker.is_file() and marker.read_text(encoding="ascii") == _identity(old)


def _identity(folder: Path) -> str:
    about = folder.stat()
    return f"{about.st_dev}:{about.st_ino}"

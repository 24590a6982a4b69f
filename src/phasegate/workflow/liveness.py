"""Which workers live: each holds a lock on a file of its name, and the kernel drops it when the process dies."""

from pathlib import Path
from typing import TextIO

from phasegate.core.files import open_owned, take_lock


def lock(folder: Path, executor: str) -> TextIO | None:
    """Takes the worker's liveness lock, which the kernel drops when its process dies; None where it is held."""
    folder.mkdir(parents=True, exist_ok=True)
    file = open_owned(folder / executor, "w")
    try:
        taken = take_lock(file)
    except BaseException:
        file.close()
        raise
    if not taken:
        file.close()
        return None
    return file


def is_dead(folder: Path, executor: str) -> bool:
    """Whether nobody holds that worker's lock any more."""
    if not (folder / executor).exists():
        return True
    held = lock(folder, executor)
    if held is None:
        return False
    held.close()
    return True

"""The record of a repository before it is opened: moved to where it belongs, and not begun anew where runs were."""

import os
import sys
from functools import cache
from pathlib import Path

from phasegate.core import Exhausted, Held, InvalidInput
from phasegate.core.files import owner_folder
from phasegate.core.locks import FileLock, lock_file, try_lock_file
from phasegate.store import LOST, locate
from phasegate.workspace.moving import is_copy, move_folder, remove_folder
from phasegate.workspace.repository import Workspace
from phasegate.workspace.state import LINK

_SHOWN = 3


def prepare(workspace: Workspace) -> None:
    """Have the record of a repository in its state directory, or leave the place to a new one.

    Raises:
        Exhausted: There is none, though runs were here.
        Held: A worker is at a record that has to move.
    """
    old = workspace.folder / LINK
    if _holds_record(old) and not old.is_symlink():
        with alone(workspace):
            _take_over(workspace, old)
    if not _holds_record(workspace.state):
        _refuse_lost(workspace)


def alone(workspace: Workspace) -> FileLock:
    """Take the lock of whoever moves, restores or forgets the record."""
    return lock_file(workspace.state.with_name(f"{workspace.state.name}.lock"))


def _take_over(workspace: Workspace, old: Path) -> None:
    state = workspace.state
    # Looked at again under the lock: another process may have moved it meanwhile.
    if not _holds_record(old):
        return
    # A record that came with a clone is of whoever committed it, and so are the decisions in it.
    if workspace.tracks(LINK):
        tell(f"'{old}' is tracked by Git, so its record is not trusted and not used")
        return
    if _holds_record(state):
        if is_copy(state, old):
            remove_folder(old)
            return
        tell(f"'{old}' holds another record, which is not used; to use it, move '{state}' away")
        return
    _refuse_alive(old, state)
    if state.exists() and any(state.iterdir()):
        raise InvalidInput(
            f"'{old}' has to move to '{state}', where something else lies", fix=f"move '{state}' away, and try again"
        )
    move_folder(old, state)
    owner_folder(state)
    tell(f"'{old}' is now '{state}', where Git's commands on the work tree do not reach; '{LINK}' is a link to it")


def _refuse_alive(old: Path, state: Path) -> None:
    workers = old / "workers"
    names = [file.name for file in workers.iterdir()] if workers.is_dir() else []
    # A worker writes to the files that it has open, wherever they are moved: what it does would be in neither record.
    living = [name for name in names if _is_held(workers / name)]
    if living:
        process = living[0].partition("-")[0]
        raise Held(
            f"worker {process} is at the record '{old}', which moves to '{state}'", fix=f"stop it: kill {process}"
        )


def _is_held(file: Path) -> bool:
    """Return whether a worker of an earlier Phasegate, which locked a file of its name, still lives."""
    lock = try_lock_file(file)
    if lock:
        lock.close()
    return lock is None


def _holds_record(folder: Path) -> bool:
    return locate(folder).exists()


def _refuse_lost(workspace: Workspace) -> None:
    state, link = workspace.state, workspace.folder / LINK
    gone = workspace.runs_in_refs()
    if link.is_symlink() and _holds_record(link) and os.path.realpath(link) != os.path.realpath(state):
        raise Exhausted(
            f"'{link}' leads to a record, and Phasegate keeps it in '{state}'",
            fix=f"move it there: mv '{link.resolve()}' '{state}' && rm '{link}'",
        )
    if gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        names = ", ".join(gone[:_SHOWN])
        raise Exhausted(
            f"Git has refs of the runs {names}{more}, and their record '{locate(state).name}' is gone", fix=LOST
        )


@cache
def tell(line: str) -> None:
    """Say it once on standard error."""
    sys.stderr.write(f"{line}\n")

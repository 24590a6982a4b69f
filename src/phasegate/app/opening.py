"""The record of a repository before it is opened: moved to where it belongs, and not begun anew where runs were."""

import os
import resource
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from phasegate.core import Exhausted, Held, InvalidInput
from phasegate.core.files import owner_folder, sync_file, sync_folder
from phasegate.core.locks import FileLock, lock_file, try_lock_file
from phasegate.ledger import PrivateKey, create_key, unlock_key
from phasegate.store import LOST, locate
from phasegate.store.schema import runs
from phasegate.workspace import LINK, Workspace

SYSTEM_KEY = "system.key"
_MOVED = "moved-from"
_SHOWN = 3
_FILES, _ENOUGH_FILES = 64, 1024
"""How many open files a worker needs at least, and how many are asked for."""


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


def system_key(state: Path, *, in_use: bool) -> PrivateKey:
    """Return the system's signing key, made together with the record.

    Raises:
        Exhausted: It is gone, and runs are signed with it.
    """
    path = state / SYSTEM_KEY
    if path.exists():
        return unlock_key(path, None)
    if in_use:
        raise Exhausted(f"the system's key '{path}' is gone, and what happened here is signed with it", fix=LOST)
    with lock_file(state / ".creating"):
        return unlock_key(path, None) if path.exists() else create_key(path, None)


def require_locks(state: Path) -> None:
    """Refuse to work where files cannot be locked: a release, which publishes under a lock, would fail at its end.

    Raises:
        Exhausted: The file system has no locks.
    """
    lock = try_lock_file(state / ".locks")
    if lock:
        lock.close()


def require_open_files() -> None:
    """Raise the soft limit of open files where needed, and refuse to work where the hard limit is too low.

    Threads and loops that fail to begin would leave others waiting for them.

    Raises:
        Exhausted: This process may have too few files open at a time.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < _FILES:
        raise Exhausted(
            f"this process may have {most} files open at a time, and a worker needs {_FILES}",
            fix=f"allow more open files: ulimit -n {_ENOUGH_FILES}",
        )


def has_runs(connection: sa.Connection) -> bool:
    """Tell whether any run was begun here."""
    return connection.execute(sa.select(sa.literal(1)).select_from(runs).limit(1)).first() is not None


async def forget_runs(folder: Path) -> list[Path]:
    """Begin an empty record in place of a lost one.

    Returns:
        Where what was left of it lies now.

    Raises:
        InvalidInput: There is a record.
    """
    workspace = Workspace.open(folder)
    store = locate(workspace.state)
    with alone(workspace):
        if store.is_database():
            raise InvalidInput(f"'{store.name}' is there, so nothing is lost", fix="see its runs: 'phasegate status'")
        left = store.put_aside()
        await (await store.open()).close()
    return left


def alone(workspace: Workspace) -> FileLock:
    """Take the lock of whoever moves, restores or forgets the record."""
    return lock_file(workspace.state.with_name(f"{workspace.state.name}.lock"))


def _take_over(workspace: Workspace, old: Path) -> None:
    state = workspace.state
    if not _holds_record(old):
        return
    if workspace.tracks(LINK):
        tell(f"'{old}' is tracked by Git, so its record is not trusted and not used")
        return
    if _holds_record(state):
        if _is_copy(state, old):
            _remove(old)
            return
        tell(f"'{old}' holds another record, which is not used; to use it, move '{state}' away")
        return
    _refuse_alive(old, state)
    if state.exists() and any(state.iterdir()):
        raise InvalidInput(
            f"'{old}' has to move to '{state}', where something else lies", fix=f"move '{state}' away, and try again"
        )
    move(old, state)
    owner_folder(state)
    tell(f"'{old}' is now '{state}', where Git's commands on the work tree do not reach; '{LINK}' is a link to it")


def _refuse_alive(old: Path, state: Path) -> None:
    workers = old / "workers"
    names = [file.name for file in workers.iterdir()] if workers.is_dir() else []
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


def move(old: Path, state: Path, rename: Callable[[Path, Path], None] = os.rename) -> None:
    """Move the folder so that a process killed meanwhile leaves it whole in one of the two places."""
    if state.exists():
        state.rmdir()
    try:
        rename(old, state)
    except OSError:
        copy(old, state)
        _remove(old)
    sync_folder(state.parent)
    sync_folder(old.parent)


def copy(old: Path, state: Path) -> None:
    """Copy the folder to another file system, where it appears once it is whole and on disk."""
    part = state.with_name(f"{state.name}.moving")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(old, part, symlinks=True)
    (part / _MOVED).write_text(_identity(old), encoding="ascii")
    for path in part.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            sync_folder(path)
        elif path.is_file() and not path.is_symlink():
            sync_file(path)
    os.rename(part, state)
    sync_folder(state.parent)


def _remove(old: Path) -> None:
    gone = old.with_name(f"{LINK}-moved")
    os.rename(old, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _is_copy(state: Path, old: Path) -> bool:
    """Return whether the record was copied from there, by a process that was killed before it removed it there."""
    marker = state / _MOVED
    return marker.is_file() and marker.read_text(encoding="ascii") == _identity(old)


def _identity(folder: Path) -> str:
    about = folder.stat()
    return f"{about.st_dev}:{about.st_ino}"


def _holds_record(folder: Path) -> bool:
    return locate(folder).exists()


def _refuse_lost(workspace: Workspace) -> None:
    state, link = workspace.state, workspace.folder / LINK
    gone = workspace.runs_in_refs()
    if link.is_symlink() and _holds_record(link) and not _leads_to(link, state):
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


def _leads_to(link: Path, state: Path) -> bool:
    return os.path.realpath(link) == os.path.realpath(state)


@cache
def tell(line: str) -> None:
    """Say it once on standard error."""
    sys.stderr.write(f"{line}\n")

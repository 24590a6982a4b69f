"""Places that a process works in: whether they are still there, and what became of them."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Self

from phasegate.core import Exhausted, Gone, PhasegateError
from phasegate.store.database import LOST

_MEANWHILE = "while this process worked in it"
_LOOKS, _PAUSE_SECONDS = 10, 0.05


class Presence:
    """A work tree and the record of its runs, known again by what they were when the process began."""

    def __init__(self, *, work_tree: Path, record: Collection[Path]) -> None:
        """Look at the places for the first time.

        Args:
            work_tree: Folder of the repository that the process works in.
            record: Folders and files without which the record of its runs cannot be used.
        """
        self._record: list[_Place] = []
        self._work_tree = _Place.of(work_tree)
        self.add(record)

    def add(self, record: Collection[Path]) -> None:
        """Look at more places of the record for the first time."""
        # Folders first: of a repository that was removed, the folder is told and not the file that went with it.
        self._record += [_Place.of(path) for path in sorted(record, key=lambda path: not path.is_dir())]

    def gone(self) -> Gone | None:
        """Return what happened to a place that is not the one it was, and what a person can do."""
        record = next((place for place in self._record if not place.stands), None)
        whole = self._work_tree if not self._work_tree.stands else None
        if record is None:
            return _without_work_tree(whole) if whole else None
        if record.folder is None:
            return _another_file(record)
        return _without_record(whole or record, record, is_whole=whole is not None)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raise what happened to a place, where there is anything, in place of a failure that came of it."""
        try:
            yield
        except Gone:
            raise  # told by whoever knows more, such as the run to go on with
        except Exception as error:
            gone = self.behind(error)
            if gone:
                raise gone from error
            raise

    def behind(self, error: BaseException) -> Gone | None:
        """Return what happened to a place, where a failure may have come of that."""
        gone = self.gone()
        # Whoever removes a folder begins with what is in it: files are missed a moment before the folder is.
        for _ in range(_LOOKS if not gone and _may_miss_a_file(error) else 0):
            time.sleep(_PAUSE_SECONDS)
            gone = gone or self.gone()
        return gone

    def close(self) -> None:
        """Let go of the folders."""
        for place in (*self._record, self._work_tree):
            place.close()


@dataclass(frozen=True)
class _Place:
    path: Path
    identity: tuple[int, int] | None
    folder: int | None
    """Descriptor of a folder, which stays with it wherever it goes; of a file none, since to close one would drop the
    locks that SQLite holds on that file in this process."""

    @classmethod
    def of(cls, path: Path) -> Self:
        folder = None
        with suppress(OSError):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        return cls(path, _identity(path), folder)

    @property
    def stands(self) -> bool:
        return _identity(self.path) == self.identity

    @property
    def removed(self) -> bool:
        """True of a folder that is in no other one."""
        return self.folder is not None and os.fstat(self.folder).st_nlink == 0

    @property
    def moved_to(self) -> Path | None:
        """The path that the folder has now, as far as the system tells."""
        with suppress(OSError):
            now = Path(os.readlink(f"/proc/self/fd/{self.folder}"))  # Linux
            return now if _identity(now) == self.identity else None
        return None

    def close(self) -> None:
        if self.folder is not None:
            os.close(self.folder)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _may_miss_a_file(error: BaseException) -> bool:
    return not isinstance(error, PhasegateError) or isinstance(error, Exhausted) or isinstance(error.__cause__, OSError)


def _another_file(file: _Place) -> Gone:
    fix = "start again: another one is there now" if file.path.exists() else LOST
    return Gone(f"'{file.path}' was moved, removed or replaced {_MEANWHILE}", fix=fix)


def _without_record(told: _Place, record: _Place, *, is_whole: bool) -> Gone:
    """Say what became of the record, which was in the place that is told or is that place."""
    if record.removed:
        return Gone(
            f"'{told.path}' was removed, or moved to another disk, {_MEANWHILE}, and the record of its runs with it:"
            " what was neither pushed nor backed up is lost",
            fix="where it was moved, go on there; else clone it again and put a backup of the record back"
            " ('phasegate restore FILE'), or begin its runs anew: 'phasegate run SPEC'",
        )
    now = told.moved_to
    if now is None:
        return Gone(
            f"'{told.path}' was moved or replaced {_MEANWHILE}",
            fix="go on in the folder where the repository is now; nothing of it is lost",
        )
    fix = (
        f"go on there: cd {quote(str(now))}"
        if is_whole
        else f"move it back: mv {quote(str(now))} {quote(str(told.path))}"
    )
    return Gone(f"'{told.path}' was moved to '{now}' {_MEANWHILE}, and nothing is lost", fix=fix, is_kept=True)


def _without_work_tree(tree: _Place) -> Gone:
    happened = "removed" if tree.removed else "moved"
    return Gone(
        f"the work tree '{tree.path}' was {happened} {_MEANWHILE}; the record of its runs is not in it, and nothing of"
        " them is lost",
        fix="go on in a work tree of the repository: 'git worktree list' names them",
        is_kept=True,
    )

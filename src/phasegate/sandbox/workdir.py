"""The private directory of one command: files are laid in, read back without following links, and removed."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from phasegate.core.errors import InvalidInput
from phasegate.core.locks import try_lock_folder
from phasegate.core.processes import process_start
from phasegate.sandbox.system import HOME
from phasegate.sandbox.tree import remove

_PREFIX = "phasegate-sandbox-"


class Uncollected(Exception):
    """A path that was not read back, with the reason."""


@contextlib.contextmanager
def private_directory(files: Mapping[str, bytes], owner: int | None) -> Iterator[Path]:
    """Make a directory with `work` (holding `files`), `home`, `tmp` and `etc`, and remove it at the end.

    Args:
        files: Relative path to content.
        owner: The numeric user that everything but `etc` is given to; None leaves it with the present one.
    """
    # At each start and not at the end: a process that was killed swept nothing.
    sweep()
    pid = os.getpid()
    # The start time in the name tells a folder of a dead process from one of a later process with the same number.
    top = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{pid}-{process_start(pid)}-"))
    held = try_lock_folder(top)
    try:
        for name in ("work", "home", "tmp", "etc"):
            (top / name).mkdir()
        _lay(top / "work", files)
        (top / "etc" / "passwd").write_text(
            f"sandboxed:x:{owner or os.getuid()}:{owner or os.getgid()}::{HOME}:/bin/sh\n", encoding="utf-8"
        )
        (top / "etc" / "hosts").write_text("127.0.0.1 localhost\n", encoding="utf-8")
        if owner is not None:
            _give(top, owner)
        yield top
    finally:
        remove(top)
        if held:
            held.close()


def sweep() -> None:
    """Remove the directories of processes that were killed before they could do so themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*-*"):
        pid, start, _ = folder.name.removeprefix(_PREFIX).split("-", 2)
        with contextlib.suppress(OSError, ValueError):
            # lstat: in /tmp anybody may lay a link of that name.
            if folder.lstat().st_uid == os.getuid() and process_start(int(pid)) != start and not _is_held(folder):
                remove(folder)


def checked(path: str) -> PurePosixPath:
    """The path, if it is relative and stays below the directory that it is relative to.

    Raises:
        InvalidInput: It does not.
    """
    pure = PurePosixPath(path)
    if not path or "\0" in path or pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise InvalidInput(f"{path!r} leaves the sandbox's directory", fix="use a relative path without '..'")
    return pure


def collect(work: Path, wanted: Sequence[str], cap: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """Read plain files back, and refuse links, hard links and more than `cap` bytes by name."""
    files: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for path in wanted:
        try:
            files[path] = _read(work, checked(path), cap)
        except FileNotFoundError:
            continue
        except Uncollected as why:
            refused[path] = str(why)
        except OSError as error:
            refused[path] = f"cannot be read: {error.strerror}"
    return files, refused


def _lay(work: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        target = work / checked(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _give(top: Path, owner: int) -> None:
    os.chmod(top, 0o711)  # noqa: S103 - the owner of what is below must get through
    for name in ("work", "home", "tmp"):
        os.chown(top / name, owner, owner)
        for folder, folders, names in os.walk(top / name):
            for entry in (*folders, *names):
                # Root gives away what it just wrote; a link must not have it give away what the link names.
                os.chown(os.path.join(folder, entry), owner, owner, follow_symlinks=False)


def _read(work: Path, path: PurePosixPath, cap: int) -> bytes:
    # Each step is opened below the one before, and none may be a link: a path with a link in its middle would leave.
    folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in path.parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        # Without O_NONBLOCK a named pipe would hold us for ever.
        file = os.open(path.parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with open(file, "rb") as stream:
        _demand_plain(stream.fileno(), cap)
        return stream.read(cap)


def _demand_plain(file: int, cap: int) -> None:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise Uncollected("not a plain file")
    # Its other name may be a file elsewhere that the command could name and not read.
    if status.st_nlink != 1:
        raise Uncollected("a hard link")
    if status.st_size > cap:
        raise Uncollected(f"{status.st_size} bytes, more than the {cap} allowed")


def _is_held(folder: Path) -> bool:
    """Return whether a process of another process namespace still works in the folder."""
    lock = try_lock_folder(folder)
    if lock:
        lock.close()
    return lock is None

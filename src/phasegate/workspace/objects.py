"""New Git objects, kept in memory until they are put on disk side by side.

Git's library puts each object on disk before it makes the next one. A commit has five to twenty, and a disk takes as
long for one of them as for all together.
"""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import ObjectType

from phasegate.core.files import sync_folder

_UNFINISHED = "tmp_obj_"
"""Beginning of the name of an object that is not whole, by which `git gc` knows what a killed process left."""
_KINDS = {int(ObjectType.COMMIT): "commit", int(ObjectType.TREE): "tree", int(ObjectType.BLOB): "blob"}
_SIDE_BY_SIDE = 8
_FIRST = 100
"""Place among the places where objects are looked for: before the repository's own."""


class _Object(NamedTuple):
    kind: int
    content: bytes


class _Memory(pygit2.OdbBackend):
    """Place for objects in memory, with the names that the library calls."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, _Object] = {}

    def write_cb(self, oid: pygit2.Oid, content: bytes, kind: int) -> None:
        """Keep an object."""
        self.objects[str(oid)] = _Object(kind, bytes(content))

    def exists_cb(self, oid: pygit2.Oid) -> bool:
        """Return whether an object is here."""
        return str(oid) in self.objects

    def read_cb(self, oid: pygit2.Oid) -> _Object:
        """Return an object.

        Raises:
            KeyError: it is not here, so that the library looks elsewhere.
        """
        return self.objects[str(oid)]

    def refresh_cb(self) -> None:
        """Look for objects of others, of which there are none here."""

    def read_header_cb(self, oid: pygit2.Oid) -> tuple[int, int]:
        """Return an object's kind and length."""
        found = self.objects[str(oid)]
        return found.kind, len(found.content)


@contextmanager
def written_together(path: str, objects: Path) -> Iterator[pygit2.Repository]:
    """Open a repository whose new objects are put on disk, each whole, at the end of the block.

    Where the block raises, none of them is.

    Args:
        path: of the repository, as the library opens it.
        objects: the repository's folder of objects.

    Raises:
        OSError: the disk is full, or takes no writes.
    """
    memory, database = _Memory(), pygit2.Odb()
    database.add_backend(memory, _FIRST)
    database.add_disk_alternate(str(objects))
    repository = pygit2.Repository(path)
    repository.set_odb(database)
    yield repository
    _store(str(objects), memory.objects)


def _store(folder: str, found: Mapping[str, _Object]) -> None:
    named = list(found.items())
    shares = [named[first::_SIDE_BY_SIDE] for first in range(min(_SIDE_BY_SIDE, len(named)))]
    for _ in _threads().map(partial(_store_share, folder), shares):
        """Raise what any of them raised."""
    if named:
        sync_folder(folder)


def _store_share(folder: str, share: Sequence[tuple[str, _Object]]) -> None:
    for name, found in share:
        _store_one(f"{folder}/{name[:2]}", name[2:], found)


def _store_one(folder: str, name: str, found: _Object) -> None:
    header = f"{_KINDS[found.kind]} {len(found.content)}\0".encode()
    unfinished = f"{folder}/{_UNFINISHED}{os.urandom(8).hex()}"
    with suppress(FileExistsError):
        os.mkdir(folder)
    # By its numbers and not as a `Path` or a stream: a run writes hundreds, and these cost more than the disk.
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        _write(handle, zlib.compress(header + found.content))
        os.fsync(handle)
        os.rename(unfinished, f"{folder}/{name}")
    except BaseException:
        os.unlink(unfinished)
        raise
    finally:
        os.close(handle)
    sync_folder(folder)


def _write(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_SIDE_BY_SIDE, "git-objects")

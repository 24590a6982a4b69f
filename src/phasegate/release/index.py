"""Package indexes: where a release is published, once, and read back."""

import asyncio
import contextlib
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from phasegate.core.canonical import digest
from phasegate.core.errors import Exhausted, InvalidInput, PhasegateError, Refused
from phasegate.core.files import UNFINISHED, sync_folder, write_whole
from phasegate.core.locks import lock_file

_PAGE = (
    "<!DOCTYPE html>\n<html><head><meta charset='utf-8'><title>{title}</title></head><body>\n{links}</body></html>\n"
)


@dataclass(frozen=True, kw_only=True)
class Published:
    """File of a release as the index holds it."""

    name: str
    sha256: str
    size: int
    address: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Files of a release in the index, the same however often it was published."""

    project: str
    """Normalised."""
    version: str
    index: str
    """The index's address, as `pip install --index-url` takes it."""
    files: tuple[Published, ...]
    """Sorted by name."""


class Publisher(Protocol):
    """An index that takes releases: a folder, or a service that speaks the upload API."""

    async def publish(self, files: Mapping[str, bytes]) -> Receipt:
        """Publish a release, with the same receipt for the same bytes.

        Args:
            files: File name to content, of one project and version.

        Raises:
            Refused: The index holds other bytes for that project and version; reason `index_conflict`.
            Exhausted: The index has no room, or cannot be written.
            InvalidInput: The files are no wheels or sdists, or not of one project and version.
        """

    async def read(self, project: str, version: str) -> Receipt | None:
        """Return the index's files of a release, or None where it holds none."""

    async def versions(self, project: str) -> frozenset[str]:
        """The versions of which the index holds a file."""


class FolderIndex:
    """A folder that pip reads with `--index-url` or, below the project's name, with `--find-links`.

    Laid out as the Simple API has it (PEP 503; PEP 691 in `index.json`): `<project>/<file>`, and pages that list them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def address(self) -> str:
        """The address for `pip install --index-url`."""
        return f"{self._folder.absolute().as_uri()}/"

    async def publish(self, files: Mapping[str, bytes]) -> Receipt:
        """Publish a release, as `Publisher` says, with each file whole or not at all."""
        return await asyncio.to_thread(self._publish, files)

    async def read(self, project: str, version: str) -> Receipt | None:
        """Return the folder's files of a release, with the SHA-256 of the bytes that are there."""
        return await asyncio.to_thread(self._read, canonicalize_name(project), version)

    async def versions(self, project: str) -> frozenset[str]:
        """The versions of which the folder holds a file."""
        return await asyncio.to_thread(self._versions, canonicalize_name(project))

    def _versions(self, project: str) -> frozenset[str]:
        place = self._folder / project
        names = [path.name for path in place.iterdir()] if place.is_dir() else []
        return frozenset(found[1] for name in names if (found := _parsed(name)) and found[0] == project)

    def _publish(self, files: Mapping[str, bytes]) -> Receipt:
        project, version = release_of(files)
        place = self._folder / project
        with _room(self._folder):
            place.mkdir(parents=True, exist_ok=True)
            with lock_file(self._folder / ".lock", 0o666):  # whoever may write to the folder may publish
                _remove_halves(self._folder, place)
                # Before anything is written: what was published is not replaced, not even for a moment.
                self._refuse_conflict(files, place, version)
                with _all_or_none([place / name for name in files]):
                    for name, content in sorted(files.items()):
                        # The same bytes, as was just made sure: a release that was killed after its first file goes on.
                        if not (place / name).exists():
                            write_whole(place / name, content)
                    self._write_pages(project)
                sync_folder(self._folder)
        return self._read_back(files, project, version)

    def _read_back(self, files: Mapping[str, bytes], project: str, version: str) -> Receipt:
        receipt = self._read(project, version)
        held = {file.name: file.sha256 for file in receipt.files} if receipt else {}
        if receipt is None or not {name: digest(content) for name, content in files.items()}.items() <= held.items():
            message = f"{project} {version} does not read back from {self._folder} as it was written"
            raise PhasegateError(message, fix="check the disk, and publish again")
        return receipt

    def _read(self, project: str, version: str) -> Receipt | None:
        files = tuple(
            Published(name=path.name, sha256=digest(content), size=len(content), address=path.absolute().as_uri())
            for path in self._files(project)
            if _parsed(path.name) == (project, version)
            for content in [path.read_bytes()]
        )
        return Receipt(project=project, version=version, index=self.address, files=files) if files else None

    def _files(self, project: str) -> list[Path]:
        place = self._folder / project
        found = place.iterdir() if place.is_dir() else ()
        # What else people lay into the folder is theirs; pip does not look at it either.
        return sorted(path for path in found if _parsed(path.name) and path.is_file())

    def _refuse_conflict(self, files: Mapping[str, bytes], place: Path, version: str) -> None:
        for path in self._files(place.name):
            same_kind = any(name.endswith(path.suffix) for name in files)
            if _parsed(path.name) == (place.name, version) and same_kind and files.get(path.name) != path.read_bytes():
                raise Refused(
                    f"the index {self._folder} holds {path.name} with other bytes",
                    reason="index_conflict",
                    fix="release under another version: what was published is never replaced",
                )

    def _write_pages(self, project: str) -> None:
        listed = [(path.name, digest(path.read_bytes())) for path in self._files(project)]
        links = "".join(f"<a href='{html.escape(n)}#sha256={sha}'>{html.escape(n)}</a><br>\n" for n, sha in listed)
        write_whole(self._folder / project / "index.html", _page(project, links))
        files = [{"filename": name, "url": name, "hashes": {"sha256": sha}} for name, sha in listed]
        versions = sorted({parsed[1] for name, _ in listed if (parsed := _parsed(name))})
        page = {"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files}
        write_whole(self._folder / project / "index.json", json.dumps(page, indent=1).encode())
        projects = sorted(path.name for path in self._folder.iterdir() if path.is_dir() and self._files(path.name))
        links = "".join(f"<a href='{html.escape(name)}/'>{html.escape(name)}</a><br>\n" for name in projects)
        write_whole(self._folder / "index.html", _page("Packages", links))


def release_of(files: Mapping[str, bytes]) -> tuple[str, str]:
    """The one project and version that file names speak of.

    >>> release_of({"acme_runbooks-1.0.0-py3-none-any.whl": b"", "acme_runbooks-1.0.0.tar.gz": b""})
    ('acme-runbooks', '1.0.0')

    Raises:
        InvalidInput: There is none, or more than one.
    """
    found = {_parsed(name) for name in files}
    first = found.pop() if len(found) == 1 else None
    if first is None:
        message = f"{', '.join(sorted(files)) or 'nothing'} is not one release"
        raise InvalidInput(message, fix="publish wheel and sdist of one project and version, as the build named them")
    return first


def _parsed(name: str) -> tuple[str, str] | None:
    """Return project and version of a file name, or None where it is no wheel's or sdist's."""
    if not name.endswith((".whl", ".tar.gz")) or "/" in name or "\\" in name:
        return None
    try:
        project, version = parse_wheel_filename(name)[:2] if name.endswith(".whl") else parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return project, str(version)


def _page(title: str, links: str) -> bytes:
    return _PAGE.format(title=html.escape(title), links=links).encode()


def _remove_halves(*folders: Path) -> None:
    """Remove the leavings of killed publishers, under the lock."""
    for folder in folders:
        for half in folder.glob(f"{UNFINISHED}*"):
            half.unlink()


@contextlib.contextmanager
def _all_or_none(paths: Sequence[Path]) -> Iterator[None]:
    """Remove what was written of these where not all of it can be: half a release would use up its version."""
    fresh = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in fresh:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _room(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fix = "make room, or give the right to write there, and resume the run: nothing was published by half"
        raise Exhausted(f"the index {folder} cannot be written: {error.strerror}", fix=fix) from error

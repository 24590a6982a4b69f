"""The files of the team's surface: ours from the package, and above them those in the user's workspace."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from phasegate.core import InvalidInput

FOLDERS = ("agents", "graphs", "prompts", "specs", "tools")
SIGNED = "graphs"
"""The folder whose files decide, so that they count as a manager signed them."""


class Source(NamedTuple):
    """A file of the surface."""

    path: str
    """Where it stands, for messages: below the workspace for an overriding file, else below the package."""
    text: str


class Surface:
    """Reader of the surface's files by folder and name, a user's file before ours.

    Args:
        workspace: the user's repository; None reads ours alone.
        signed: texts of workflows and policies by path, which stand in place of the repository's own; None: the files
            in the repository are read.
    """

    def __init__(self, workspace: Path | None = None, signed: Mapping[str, str] | None = None) -> None:
        self._workspace = workspace
        self._signed = signed

    @property
    def workspace(self) -> Path | None:
        """The user's repository, or None where only ours is read."""
        return self._workspace

    def names(self, folder: str, suffix: str) -> list[str]:
        """Names in a folder that end in the suffix, ours and the user's, sorted."""
        ours = {item.name for item in files(f"phasegate.team.{folder}").iterdir()}
        return sorted(name for name in ours | self._added(folder) if name.endswith(suffix) and not name.startswith("."))

    def own(self, folder: str, suffix: str) -> list[str]:
        """Names of the files in the user's folder that end in the suffix, those in its subfolders included, sorted."""
        top = self._workspace / folder if self._workspace else None
        found = top.rglob(f"*{suffix}") if top and top.is_dir() else ()
        names = (file.relative_to(top).as_posix() for file in found if top and file.is_file())
        return sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))

    def _added(self, folder: str) -> set[str]:
        if self._signed is not None and folder == SIGNED:
            names = (path.removeprefix(f"{folder}/") for path in self._signed if path.startswith(f"{folder}/"))
            return {name for name in names if "/" not in name}
        theirs = self._workspace / folder if self._workspace else None
        return {item.name for item in theirs.iterdir()} if theirs and theirs.is_dir() else set()

    def find(self, folder: str, name: str) -> Source | None:
        """Return the file of that name, which may hold a `/`, or None where there is none."""
        if self._signed is not None and folder == SIGNED:
            signed = self._signed.get(f"{folder}/{name}")
            if signed is not None:
                return Source(f"{folder}/{name}", signed)
        elif self._workspace and (theirs := self._workspace / folder / name).is_file():
            return Source(f"{folder}/{name}", _text(theirs, f"{folder}/{name}"))
        ours = files(f"phasegate.team.{folder}").joinpath(name)
        return Source(f"{folder}/{name}", _text(ours, f"{folder}/{name}")) if ours.is_file() else None

    def is_ours(self, folder: str, name: str) -> bool:
        """Return whether the file is what this installation ships, byte for byte, wherever it lies."""
        ours = files(f"phasegate.team.{folder}").joinpath(name)
        theirs = self._workspace / folder / name if self._workspace else None
        if theirs is None or not theirs.is_file():
            return ours.is_file()
        return ours.is_file() and theirs.read_bytes() == ours.read_bytes()

    def read(self, folder: str, name: str) -> Source:
        """Read the file that `find` returns.

        Raises:
            InvalidInput: if there is no such file.
        """
        source = self.find(folder, name)
        if source is None:
            raise InvalidInput(f"there is no {folder}/{name}", fix=f"add it to {folder}/ in your repository")
        return source


def eject(into: Path) -> list[Path]:
    """Copies the team's surface into a repository, where its files then override ours.

    A file that is already there is left as it is.

    Returns:
        The files that were written, in order.
    """
    written = []
    for folder in FOLDERS:
        for name, item in _walk(files(f"phasegate.team.{folder}"), ""):
            target = into / folder / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(item.read_bytes())
                written.append(target)
    return written


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        if item.is_dir() and not item.name.startswith(("_", ".")):
            found += _walk(item, f"{prefix}{item.name}/")
        elif item.is_file() and not item.name.endswith((".py", ".pyc")):
            found.append((prefix + item.name, item))
    return found


def _text(item: Traversable, path: str) -> str:
    try:
        return item.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text", fix="save it as UTF-8") from None

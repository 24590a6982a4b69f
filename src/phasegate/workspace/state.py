"""State directory of a repository, beside Git's own data and out of reach of commands on the work tree."""

import os
from collections.abc import Callable
from pathlib import Path

LINK = ".phasegate"
"""Name of the symbolic link in a work tree; people follow it, the product never does."""
_NAME = "phasegate"
_EXCLUDED = f"/{LINK}*"


def common_directory(git_directory: Path) -> Path:
    """The directory that all work trees of a repository share, from the Git directory of one of them."""
    pointer = git_directory / "commondir"
    if not pointer.is_file():
        return git_directory
    return Path(os.path.normpath(git_directory / pointer.read_text(encoding="utf-8").strip()))


def state_directory(git_directory: Path) -> Path:
    """The state directory of a repository, shared by its work trees."""
    return common_directory(git_directory) / _NAME


def link_state(work_tree: Path, state: Path, *, is_tracked: Callable[[str], bool]) -> None:
    """Make the link to the state directory anew where it is ours and leads elsewhere."""
    link = work_tree / LINK
    if os.path.lexists(link):
        # What is no link of ours is somebody's, and a tracked one would show as a change of theirs.
        if not _is_stale(link, state) or is_tracked(LINK):
            return
        link.unlink()
    _exclude(state.parent / "info" / "exclude")
    # Relative, so that the link still holds where work tree and repository are moved together.
    link.symlink_to(os.path.relpath(state, os.path.realpath(work_tree)))


def _is_stale(link: Path, state: Path) -> bool:
    """Return whether the link is ours and was made where the repository was before, or in its original."""
    return link.is_symlink() and link.readlink().name == _NAME and os.path.realpath(link) != os.path.realpath(state)


def _exclude(file: Path) -> None:
    """Keeps the link out of `git status`."""
    known = file.read_bytes().splitlines() if file.exists() else []
    if _EXCLUDED.encode() not in known:
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{_EXCLUDED}\n")


def checked_out(git_directory: Path) -> str:
    """Return the full name of a work tree's checked-out branch by its Git directory, or an empty string."""
    head = git_directory / "HEAD"
    kind, _, name = head.read_text(encoding="utf-8").strip().partition(" ") if head.is_file() else ("", "", "")
    return name if kind == "ref:" else ""


def ref_names(common: Path, folder: str) -> set[str]:
    """Return the names of refs right in a folder, without its own, from its files and from the packed list.

    Args:
        common: The directory that all work trees share.
        folder: Such as `refs/heads/`.
    """
    place = common / folder
    loose = {entry.name for entry in os.scandir(place) if entry.is_file()} if place.is_dir() else set[str]()
    listed = common / "packed-refs"  # read last, since Git packs a ref before it removes the file
    lines = listed.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if listed.is_file() else []
    packed = {line[41:].removeprefix(folder) for line in lines if line[41:].startswith(folder)}
    return {name for name in loose | packed if "/" not in name}

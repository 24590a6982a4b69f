"""Where the state of a repository lies: beside Git's own data, where commands on the work tree do not reach."""

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
    """Make the link to the state directory; one of ours that leads elsewhere is made anew, and all else left alone."""
    link = work_tree / LINK
    if os.path.lexists(link):
        if not _is_stale(link, state) or is_tracked(LINK):
            return
        link.unlink()
    _exclude(state.parent / "info" / "exclude")
    link.symlink_to(os.path.relpath(state, os.path.realpath(work_tree)))


def _is_stale(link: Path, state: Path) -> bool:
    """Whether it is one of ours that was made where the repository was before, or in the one that it is a copy of."""
    return link.is_symlink() and link.readlink().name == _NAME and os.path.realpath(link) != os.path.realpath(state)


def _exclude(file: Path) -> None:
    """Keeps the link out of `git status`."""
    known = file.read_bytes().splitlines() if file.exists() else []
    if _EXCLUDED.encode() not in known:
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{_EXCLUDED}\n")


def checked_out(git_directory: Path) -> str:
    """The full name of the branch that a work tree has checked out, from its Git directory; empty where none is."""
    head = git_directory / "HEAD"
    kind, _, name = head.read_text(encoding="utf-8").strip().partition(" ") if head.is_file() else ("", "", "")
    return name if kind == "ref:" else ""

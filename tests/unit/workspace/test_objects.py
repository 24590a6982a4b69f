"""New Git objects, put on disk side by side."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest

from phasegate.core import InvalidInput
from phasegate.workspace import Signature, Workspace

WHEN = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
ADA = Signature("ada", "ada@example.org")
FILES: dict[str, bytes | None] = {f"docs/{name}/file.md": f"# {name}\n".encode() * 40 for name in "abcdefgh"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path, {"README.md": b"# Ours\n"}, author=ADA, when=WHEN, message="The first commit")


def _objects(workspace: Workspace) -> dict[str, int]:
    """Return the mode of each loose object, and of whatever else lies among them, by name."""
    folder = workspace.folder / ".git" / "objects"
    return {file.parent.name + file.name: file.stat().st_mode & 0o777 for file in folder.glob("??/*")}


def _commit(workspace: Workspace, files: dict[str, bytes | None]) -> str:
    return workspace.commit([workspace.head()], files, author=ADA, when=WHEN, message="Eight files")


def test_git_finds_each_object_whole(workspace: Workspace) -> None:
    before = _objects(workspace)
    commit = _commit(workspace, FILES)
    new = {name: mode for name, mode in _objects(workspace).items() if name not in before}
    assert set(new.values()) == {0o444}
    assert len(new) == 19, "eight files, their folders, `docs`, the top and the commit"
    workspace.point("ours", commit)
    checked = subprocess.run(
        ["git", "-C", str(workspace.folder), "fsck", "--strict", "--no-dangling"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (checked.stdout, workspace.tree(commit)["docs/a/file.md"]) == ("", FILES["docs/a/file.md"])


def test_they_are_those_that_the_library_makes(workspace: Workspace) -> None:
    commit = _commit(workspace, {"a.md": b"\x00\xff" * 3})
    blob = pygit2.Repository(str(workspace.folder))[commit].peel(pygit2.Tree)["a.md"]
    assert str(blob.id) == str(pygit2.hash(b"\x00\xff" * 3))


def test_a_commit_that_is_refused_leaves_none(workspace: Workspace) -> None:
    before = _objects(workspace)
    with pytest.raises(InvalidInput, match="leaves the repository"):
        _commit(workspace, {"a.md": b"new", "../b.md": b"new"})
    assert _objects(workspace) == before


def test_what_could_not_be_written_is_written_the_next_time(workspace: Workspace) -> None:
    blob = str(pygit2.hash(b"new"))
    folder = workspace.folder / ".git" / "objects" / blob[:2]
    folder.write_bytes(b"a file in its way")
    with pytest.raises(OSError, match=f"Not a directory.*{blob[:2]}"):
        _commit(workspace, {"a.md": b"new"})
    folder.unlink()
    assert workspace.tree(_commit(workspace, {"a.md": b"new"}))["a.md"] == b"new"

"""The state directory of a repository, and what everyday Git commands leave of it."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phasegate.workspace import Signature, Workspace

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"README.md": b"# Ours\n", ".gitignore": b".phasegate/\n"}
    ada = Signature("ada", "ada@example.org")
    return Workspace.create(tmp_path / "repository", files, author=ada, when=NOW, message="The first commit").folder


def keep(folder: Path) -> Path:
    """Puts a file into the state of the repository, as every command that opens it does."""
    workspace = Workspace.open(folder)
    workspace.state.mkdir(exist_ok=True)
    workspace.link_state()
    (workspace.state / "kept").write_text("kept")
    return workspace.state


def moved_git_directory(folder: Path) -> Path:
    git(folder, "init", "--separate-git-dir", str(folder.parent / "elsewhere"))
    return folder


def linked_work_tree(folder: Path) -> Path:
    git(folder, "worktree", "add", str(folder.parent / "linked"))
    return folder.parent / "linked"


def submodule(folder: Path) -> Path:
    allow = ("-c", "protocol.file.allow=always")
    parent = folder.parent / "parent"
    parent.mkdir()
    git(parent, "init")
    git(parent, *allow, "submodule", "add", str(folder), "part")
    return parent / "part"


def as_it_is(folder: Path) -> Path:
    return folder


@pytest.mark.parametrize("shape", [as_it_is, moved_git_directory, linked_work_tree, submodule])
def test_the_link_leads_to_the_state_and_git_does_not_see_it(folder: Path, shape: Callable[[Path], Path]) -> None:
    top = shape(folder)
    state = keep(top)
    assert (top / ".phasegate" / "kept").read_text() == "kept"
    assert git(top, "status", "--porcelain", "--untracked-files=all") == ""
    assert not state.is_relative_to(top) or state.is_relative_to(top / ".git")


def test_work_trees_share_one_state(folder: Path) -> None:
    assert keep(linked_work_tree(folder)) == keep(folder)


@pytest.mark.parametrize(
    "command",
    [
        "clean -xffd",
        "stash --all",
        "stash --include-untracked",
        "reset --hard",
        "gc --prune=now",
        "reflog expire --expire=now --all",
        "worktree remove --force ../linked",
        "worktree move ../linked ../further",
        "worktree prune",
    ],
)
def test_everyday_commands_leave_the_state(folder: Path, command: str) -> None:
    linked = linked_work_tree(folder)
    state = keep(linked)
    keep(folder)
    (folder / "README.md").write_text("# Changed\n")
    git(folder, *command.split())
    assert (state / "kept").read_text() == "kept"


def test_what_is_there_under_the_name_of_the_link_stays(folder: Path) -> None:
    (folder / ".phasegate").mkdir()
    (folder / ".phasegate" / "mine").write_text("mine")
    keep(folder)
    assert [file.name for file in (folder / ".phasegate").iterdir()] == ["mine"]


def test_a_link_that_cannot_be_made_is_done_without(folder: Path) -> None:
    (folder / ".git" / "info" / "exclude").unlink()
    (folder / ".git" / "info" / "exclude").mkdir()
    keep(folder)
    assert not (folder / ".phasegate").is_symlink()

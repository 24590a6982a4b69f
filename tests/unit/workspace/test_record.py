"""Where the record of a repository is looked for, when it moves, and when nothing is begun in its place."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.backup import forget_runs
from phasegate.core import Exhausted, Held, InvalidInput, try_lock_file
from phasegate.workspace import copy_folder, move_folder
from unit.authors.sample_spec import FOLDER, sample_repository


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A repository with a run that was begun."""
    target = sample_repository(tmp_path / "target")
    async with open_app(target) as app:
        await app.start(target / FOLDER)
    return target


def state(folder: Path) -> Path:
    return folder / ".git" / "phasegate"


def as_before(folder: Path) -> Path:
    """Puts the record where an earlier Phasegate had it."""
    (folder / ".phasegate").unlink()
    shutil.move(state(folder), folder / ".phasegate")
    return folder / ".phasegate"


async def runs(folder: Path) -> int:
    async with open_app(folder) as app:
        return len(await app.ledger.runs())


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


async def test_a_record_in_the_work_tree_moves_once_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = (as_before(folder) / "system.key").read_bytes()
    assert [await runs(folder) for _ in range(2)] == [1, 1]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"is now '{state(folder)}'" in said
    assert (folder / ".phasegate").is_symlink()
    assert (folder / ".phasegate" / "system.key").read_bytes() == key
    assert state(folder).stat().st_mode & 0o077 == 0


def no_rename(source: os.PathLike[str] | str, target: os.PathLike[str] | str) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


async def test_it_is_copied_where_it_cannot_be_renamed(folder: Path) -> None:
    """Another file system, as with `--separate-git-dir`; a process killed before the end leaves a copy to remove."""
    old = as_before(folder)
    move_folder(old, state(folder), rename=no_rename)
    assert not old.exists()
    assert await runs(folder) == 1


async def test_a_copy_that_was_finished_is_taken_and_the_old_one_removed(folder: Path) -> None:
    old = as_before(folder)
    copy_folder(old, state(folder))
    assert await runs(folder) == 1
    assert (folder / ".phasegate").is_symlink()


async def test_a_copy_that_was_not_finished_is_begun_anew(folder: Path) -> None:
    as_before(folder)
    half = state(folder).with_name("phasegate.moving")
    half.mkdir()
    (half / "phasegate.db").write_bytes(b"half")
    assert await runs(folder) == 1


async def test_it_does_not_move_while_a_worker_is_at_it(folder: Path) -> None:
    old = as_before(folder)
    (old / "workers").mkdir(exist_ok=True)
    held = try_lock_file(old / "workers" / "4711-abc")
    assert held
    with pytest.raises(Held, match="worker 4711") as refused:
        await runs(folder)
    assert refused.value.fix == "stop it: kill 4711"
    held.close()
    assert await runs(folder) == 1


async def test_what_git_tracks_is_never_taken_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    as_before(folder)
    git(folder, "add", "--force", ".phasegate/phasegate.db")
    with pytest.raises(Exhausted, match=r"record .* is gone"):
        await runs(folder)
    assert "is tracked by Git" in capsys.readouterr().err
    assert (folder / ".phasegate" / "phasegate.db").is_file()


def do(fix: str) -> None:
    """What it says, as a person would paste it."""
    subprocess.run(fix.partition(": ")[2], shell=True, check=True)


async def test_a_link_to_a_record_is_never_followed(folder: Path, tmp_path: Path) -> None:
    shutil.move(as_before(folder), tmp_path / "big")
    (folder / ".phasegate").symlink_to(tmp_path / "big")
    with pytest.raises(Exhausted, match="leads to a record") as refused:
        await runs(folder)
    do(refused.value.fix)
    assert await runs(folder) == 1


async def test_of_two_records_the_one_in_the_state_directory_is_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".phasegate").unlink()
    shutil.copytree(state(folder), folder / ".phasegate")
    assert await runs(folder) == 1
    assert "another record, which is not used" in capsys.readouterr().err
    shutil.move(state(folder), folder.parent / "aside")
    assert await runs(folder) == 1


def remove(folder: Path) -> None:
    for file in state(folder).glob("phasegate.db*"):
        file.unlink()


def empty(folder: Path) -> None:
    (state(folder) / "phasegate.db").write_bytes(b"")


def overwrite(folder: Path) -> None:
    (state(folder) / "phasegate.db").write_bytes(b"something else" * 99)


def remove_all(folder: Path) -> None:
    shutil.rmtree(state(folder))


def remove_key(folder: Path) -> None:
    (state(folder) / "system.key").unlink()


def rename_main(folder: Path) -> None:
    remove_all(folder)
    git(folder, "branch", "-M", "other")


@pytest.mark.parametrize("lose", [remove, empty, overwrite, remove_all, remove_key, rename_main])
async def test_no_record_is_begun_in_place_of_a_lost_one(folder: Path, lose: Callable[[Path], None]) -> None:
    lose(folder)
    for _ in range(2):
        with pytest.raises(Exhausted, match=r"gone|empty|not a database") as refused:
            await runs(folder)
        assert "phasegate restore FILE" in refused.value.fix
    assert not (state(folder) / "phasegate.db").exists() or lose in (empty, overwrite, remove_key)


async def test_a_clone_that_fetched_branches_of_runs_begins_its_own(folder: Path, tmp_path: Path) -> None:
    git(folder, "branch", "phasegate/r1")
    git(tmp_path, "clone", str(folder), "clone")
    git(tmp_path / "clone", "branch", "phasegate/r1", "origin/phasegate/r1")
    assert await runs(tmp_path / "clone") == 0


async def test_a_mirror_of_the_refs_begins_none(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--config", "remote.origin.fetch=+refs/phasegate/*:refs/phasegate/*", str(folder), "clone")
    with pytest.raises(Exhausted, match="is gone"):
        await runs(tmp_path / "clone")


@pytest.mark.parametrize("lose", [remove, empty, overwrite, remove_all])
async def test_a_person_can_begin_without_the_runs(folder: Path, lose: Callable[[Path], None]) -> None:
    lose(folder)
    await forget_runs(folder)
    assert await runs(folder) == 0


async def test_runs_that_are_there_are_not_forgotten(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing is lost"):
        await forget_runs(folder)
    assert await runs(folder) == 1


async def test_a_copied_and_a_renamed_repository_have_their_own_record(folder: Path, tmp_path: Path) -> None:
    git(folder, "worktree", "add", str(tmp_path / "linked"))
    assert await runs(tmp_path / "linked") == 1
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    os.rename(folder, tmp_path / "renamed")
    for place in ("copy", "renamed"):
        assert await runs(tmp_path / place) == 1
        assert (tmp_path / place / ".phasegate").resolve() == state(tmp_path / place)
    git(tmp_path / "renamed", "worktree", "repair", str(tmp_path / "linked"))
    assert await runs(tmp_path / "linked") == 1
    assert (tmp_path / "linked" / ".phasegate").resolve() == state(tmp_path / "renamed")


async def test_a_spec_is_taken_from_the_work_tree_that_its_run_was_begun_in(folder: Path, tmp_path: Path) -> None:
    git(folder, "worktree", "add", "-b", "other", str(tmp_path / "linked"))
    shutil.copytree(folder / FOLDER, tmp_path / "linked" / FOLDER)
    (tmp_path / "linked" / FOLDER / "notes.md").write_text("mine")
    async with open_app(tmp_path / "linked") as app:
        run = await app.start(tmp_path / "linked" / FOLDER)
    async with open_app(folder) as app:
        handed_in = await app.folder.handed_in(run.id, 1)
    assert handed_in[f"{FOLDER}/notes.md"] == b"mine"

"""A process whose repository is moved or removed says what became of it, and what to do."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from phasegate.core import Exhausted, Gone, InvalidInput
from phasegate.store import Presence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / ".git" / "phasegate").mkdir(parents=True)
    (folder / ".git" / "phasegate" / "phasegate.db").write_text("rows")
    return folder


@pytest.fixture
def presence(folder: Path) -> Iterator[Presence]:
    state = folder / ".git" / "phasegate"
    with closing(Presence(work_tree=folder, record=[state / "phasegate.db", state])) as presence:
        yield presence


def told(presence: Presence) -> Gone:
    gone = presence.gone()
    assert gone is not None
    assert isinstance(gone, Exhausted)
    return gone


def test_what_stands_is_not_told(folder: Path, presence: Presence) -> None:
    (folder / ".git" / "phasegate" / "phasegate.db").write_text("other rows")
    assert presence.gone() is None


def test_a_repository_that_was_removed_took_its_record_along(folder: Path, presence: Presence) -> None:
    shutil.rmtree(folder)
    gone = told(presence)
    assert str(gone).startswith(f"'{folder}' was removed")
    assert "neither pushed nor backed up is lost" in str(gone)
    assert "phasegate restore FILE" in gone.fix
    assert not gone.is_kept


def test_a_repository_that_was_moved_is_gone_on_with_where_it_is(folder: Path, presence: Presence) -> None:
    folder.rename(folder.with_name("moved here"))
    gone = told(presence)
    assert f"'{folder}' was moved to '{folder.with_name('moved here')}'" in str(gone)
    assert gone.fix == f"go on there: cd '{folder.with_name('moved here')}'"
    assert gone.is_kept


def test_another_repository_in_its_place_is_not_it(folder: Path, presence: Presence) -> None:
    shutil.copytree(folder, folder.with_name("copy"))
    folder.rename(folder.with_name("moved"))
    folder.with_name("copy").rename(folder)
    assert str(folder.with_name("moved")) in told(presence).fix


@pytest.mark.parametrize("name", [".git", ".git/phasegate"])
def test_a_record_that_was_removed_is_lost_though_the_work_tree_stands(
    folder: Path, presence: Presence, name: str
) -> None:
    shutil.rmtree(folder / name)
    gone = told(presence)
    assert str(gone).startswith(f"'{folder}/.git/phasegate' was removed")
    assert not gone.is_kept


def test_a_record_that_was_moved_is_moved_back(folder: Path, presence: Presence) -> None:
    folder.joinpath(".git").rename(folder.with_name("git"))
    now = folder.with_name("git") / "phasegate"
    assert told(presence).fix == f"move it back: mv {now} {folder}/.git/phasegate"


@pytest.mark.parametrize("replaced", [False, True])
def test_the_databases_file_is_told_where_its_folder_stands(folder: Path, presence: Presence, replaced: bool) -> None:
    file = folder / ".git" / "phasegate" / "phasegate.db"
    file.rename(file.with_suffix(".old"))
    if replaced:
        file.write_text("rows")
    gone = told(presence)
    assert str(gone).startswith(f"'{file}' was moved, removed or replaced")
    assert ("--forget-runs" in gone.fix) is not replaced
    assert not gone.is_kept


@pytest.mark.parametrize("happened", ["removed", "moved"])
def test_nothing_is_lost_with_a_work_tree_whose_record_lies_elsewhere(tmp_path: Path, happened: str) -> None:
    tree, state = tmp_path / "tree", tmp_path / "main" / "phasegate"
    tree.mkdir()
    state.mkdir(parents=True)
    with closing(Presence(work_tree=tree, record=[state])) as presence:
        if happened == "removed":
            tree.rmdir()
        else:
            tree.rename(tmp_path / "other")
        gone = told(presence)
    assert f"the work tree '{tree}' was {happened}" in str(gone)
    assert gone.is_kept


def test_a_failure_that_came_of_it_is_told_as_what_happened(folder: Path, presence: Presence) -> None:
    shutil.rmtree(folder)
    with pytest.raises(Gone) as raised, presence.telling():
        raise KeyError("an object of Git's")
    assert isinstance(raised.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [FileNotFoundError("phasegate.toml"), Exhausted("it cannot be written")])
def test_a_file_that_is_missed_before_its_folder_went_counts(
    folder: Path, presence: Presence, error: Exception
) -> None:
    later = threading.Timer(0.1, shutil.rmtree, [folder])
    later.start()
    with pytest.raises(Gone), presence.telling():
        raise error
    later.join()


def test_other_failures_stay_what_they_are(presence: Presence) -> None:
    with pytest.raises(InvalidInput, match="line 3"), presence.telling():
        raise InvalidInput("line 3 does not hold")
    with pytest.raises(ValueError, match="of ours"), presence.telling():
        raise ValueError("of ours")


def test_who_knows_more_of_it_is_heard(folder: Path, presence: Presence) -> None:
    shutil.rmtree(folder)
    with pytest.raises(Gone, match="by the run"), presence.telling():
        raise Gone("told by the run")


def test_folders_are_let_go(folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        Presence(work_tree=folder, record=[folder / ".git"]).close()
    assert len(os.listdir("/proc/self/fd")) == before

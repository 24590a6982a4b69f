import os
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode, FileStatus

from phasegate.core import Held, InvalidInput, Locked, PhasegateError
from phasegate.workspace import Signature, Workspace
from phasegate.workspace.repository import LOCK_SECONDS

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
ADA = Signature("ada", "ada@example.org")
FIRST = {"README.md": b"# Ours\n", "docs/a.md": b"a\n"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "repository", FIRST, author=ADA, when=NOW, message="The first commit")


def _commit(workspace: Workspace, files: Mapping[str, bytes | None], parent: str = "") -> str:
    return workspace.commit([parent or workspace.head()], files, author=ADA, when=NOW, message="More")


def _join(workspace: Workspace, *drafts: str) -> str:
    return workspace.join(workspace.head(), drafts, author=ADA, when=NOW, message="Joined")


def test_a_new_repository_is_checked_out_and_clean(workspace: Workspace) -> None:
    assert (workspace.folder / "docs" / "a.md").read_bytes() == b"a\n"
    assert pygit2.Repository(str(workspace.folder)).status() == {}
    assert Workspace.open(workspace.folder / "docs").head() == workspace.head()


def test_a_commit_changes_adds_and_removes_and_leaves_the_rest_and_the_working_directory(workspace: Workspace) -> None:
    commit = _commit(workspace, {"README.md": b"# Theirs\n", "docs/a.md": None, "src/x/y.py": b"", "gone.md": None})
    assert dict(workspace.tree(commit)) == {"README.md": b"# Theirs\n", "src/x/y.py": b""}
    assert (workspace.folder / "README.md").read_bytes() == b"# Ours\n"
    assert workspace.head() != commit


def test_the_same_step_twice_makes_one_commit(workspace: Workspace) -> None:
    assert _commit(workspace, {"b.md": b"b"}) == _commit(workspace, {"b.md": b"b"})


def test_equal_bytes_have_an_equal_tree(workspace: Workspace) -> None:
    there = _commit(workspace, {"b.md": b"b"})
    back = _commit(workspace, {"b.md": None}, there)
    assert workspace.tree_id(back) == workspace.tree_id(workspace.head())
    assert back != workspace.head()


def test_an_executable_stays_one_when_it_is_written_anew(workspace: Workspace) -> None:
    repository = pygit2.Repository(str(workspace.folder))
    index = pygit2.Index()
    index.add(pygit2.IndexEntry("run.sh", repository.create_blob(b"old"), FileMode.BLOB_EXECUTABLE))
    who = pygit2.Signature(*ADA)
    tree = index.write_tree(repository)
    commit = _commit(workspace, {"run.sh": b"new"}, str(repository.create_commit(None, who, who, "x", tree, [])))
    assert repository[commit].peel(pygit2.Tree)["run.sh"].filemode == FileMode.BLOB_EXECUTABLE


def test_a_tree_reads_files_and_nothing_else(workspace: Workspace) -> None:
    tree = workspace.tree(workspace.head())
    assert (sorted(tree), len(tree), tree["docs/a.md"]) == (["README.md", "docs/a.md"], 2, b"a\n")
    for path in ("docs", "nothing.md", "docs/a.md/b"):
        assert tree.get(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",  # from the root
        "../outside",  # up
        "docs/../../outside",  # down and up
        "docs//a.md",  # an empty part
        "",  # nothing
        "docs/",  # a folder
        "./a.md",  # here
        ".git/config",  # Git's own
        "docs/.GIT/hooks/pre-commit",  # the same on a disk that knows no case
        ".git\u200c/config",  # the same on a disk that drops what cannot be seen
        "GIT~1/config",  # the same under its short name
        "a\\..\\..\\b",  # another system's separators
        "a\0b",  # cut off by the operating system
        "a\nb.md",  # two lines in every list
        "\u202egpj.exe",  # read from the right
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(workspace: Workspace, path: str) -> None:
    with pytest.raises(InvalidInput):
        _commit(workspace, {"fine.md": b"", path: b"x"})


@pytest.mark.parametrize("files", [{"docs": b""}, {"README.md/x": b""}, {"n": b"", "n/m": b""}])
def test_what_would_be_file_and_folder_at_once_is_refused(workspace: Workspace, files: dict[str, bytes]) -> None:
    with pytest.raises(InvalidInput, match="a file and a folder at once"):
        _commit(workspace, files)


def test_a_file_may_become_a_folder_when_it_goes(workspace: Workspace) -> None:
    assert "README.md/x" in workspace.tree(_commit(workspace, {"README.md": None, "README.md/x": b""}))


def test_one_draft_is_its_own_join(workspace: Workspace) -> None:
    draft = _commit(workspace, {"b.md": b"b"})
    assert _join(workspace, draft) == draft


def test_drafts_are_joined_with_all_of_them_as_parents(workspace: Workspace) -> None:
    drafts = [_commit(workspace, {"b.md": b"b"}), _commit(workspace, {"c.md": b"c", "docs/a.md": None})]
    joined = _join(workspace, *drafts)
    assert dict(workspace.tree(joined)) == {"README.md": b"# Ours\n", "b.md": b"b", "c.md": b"c"}
    parents = pygit2.Repository(str(workspace.folder))[joined].peel(pygit2.Commit).parent_ids
    assert [str(parent) for parent in parents] == drafts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"b.md": b"mine"}, {"b.md": b"yours"}),  # two contents
        ({"b.md": b"same"}, {"b.md": b"same"}),  # one content: still two owners
        ({"docs/a.md": b"changed"}, {"docs/a.md": None}),  # changed and removed
    ],
)
def test_two_authors_of_one_path_are_an_error(
    workspace: Workspace, one: dict[str, bytes | None], other: dict[str, bytes | None]
) -> None:
    with pytest.raises(PhasegateError, match="two authors wrote") as error:
        _join(workspace, _commit(workspace, one), _commit(workspace, other))
    assert "of its own" in error.value.fix


def test_an_authors_file_under_anothers_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="'n' would be a file and a folder"):
        _join(workspace, _commit(workspace, {"n": b""}), _commit(workspace, {"n/m": b""}))


def test_a_branch_points_where_it_is_told(workspace: Workspace) -> None:
    repository = pygit2.Repository(str(workspace.folder))
    for content in (b"1", b"2"):
        commit = _commit(workspace, {"b.md": content})
        workspace.point("phasegate/r1", commit)
        assert str(repository.branches["phasegate/r1"].target) == commit


def test_a_branch_of_the_users_that_is_in_the_way_is_named(workspace: Workspace) -> None:
    workspace.point("phasegate", workspace.head())
    with pytest.raises(PhasegateError, match="'phasegate/r1' cannot be made") as error:
        workspace.point("phasegate/r1", workspace.head())
    assert "rename the branch 'phasegate'" in error.value.fix


def test_a_release_lands_on_the_branch_and_in_the_working_directory(workspace: Workspace) -> None:
    commit = _commit(workspace, {"b.md": b"b", "docs/a.md": None, "README.md": b"# Released\n"})
    intake = workspace.head()
    assert workspace.land(commit, intake)
    assert workspace.head() == commit
    assert (workspace.folder / "b.md").read_bytes() == b"b"
    assert not (workspace.folder / "docs" / "a.md").exists()
    assert pygit2.Repository(str(workspace.folder)).status() == {}
    assert workspace.land(commit, intake)


def _edit(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"# Mine\n")


def _put(folder: Path) -> None:
    (folder / "b.md").write_bytes(b"mine")


def _folder(folder: Path) -> None:
    (folder / "b.md").mkdir()
    (folder / "b.md" / "deep").write_bytes(b"mine")


def _dangle(folder: Path) -> None:
    (folder / "b.md").symlink_to(folder / "nowhere")


def _written(folder: Path) -> dict[str, tuple[int, int]]:
    """What each entry is, without when it was last read."""
    entries = {path.name: path.lstat() for path in folder.iterdir()}
    return {name: (about.st_ino, about.st_mtime_ns) for name, about in entries.items()}


@pytest.mark.parametrize("touch", [_edit, _put, _folder, _dangle])
def test_what_the_user_has_there_is_not_overwritten(workspace: Workspace, touch: Callable[[Path], None]) -> None:
    commit, head = _commit(workspace, {"README.md": b"# Released\n", "b.md": b"b"}), workspace.head()
    touch(workspace.folder)
    before = _written(workspace.folder)
    assert not workspace.land(commit, head)
    assert workspace.head() == head
    assert _written(workspace.folder) == before


def test_what_the_user_has_elsewhere_stays(workspace: Workspace) -> None:
    _edit(workspace.folder)
    assert workspace.land(_commit(workspace, {"b.md": b"b"}), workspace.head())
    assert (workspace.folder / "README.md").read_bytes() == b"# Mine\n"
    assert pygit2.Repository(str(workspace.folder)).status() == {"README.md": FileStatus.WT_MODIFIED}


def test_an_untracked_spec_that_is_as_it_was_handed_in_may_be_replaced(workspace: Workspace) -> None:
    intake = _commit(workspace, {"specs/001-a/spec.md": b"# As handed in\n"})
    (workspace.folder / "specs" / "001-a").mkdir(parents=True)
    (workspace.folder / "specs" / "001-a" / "spec.md").write_bytes(b"# As handed in\n")
    commit = _commit(workspace, {"specs/001-a/spec.md": b"# With criteria\n"}, intake)
    assert workspace.land(commit, intake)
    assert (workspace.folder / "specs" / "001-a" / "spec.md").read_bytes() == b"# With criteria\n"


def test_a_name_is_no_pattern(workspace: Workspace) -> None:
    workspace.land(_commit(workspace, {"a1.md": b"1", "a[1].md": b"1", "b*.md": b"", "bb.md": b""}), workspace.head())
    (workspace.folder / "a1.md").write_bytes(b"mine")
    (workspace.folder / "bb.md").write_bytes(b"mine")
    assert workspace.land(_commit(workspace, {"a[1].md": b"2", "b*.md": b"2"}), workspace.head())
    assert (workspace.folder / "a1.md").read_bytes() == b"mine"
    assert (workspace.folder / "bb.md").read_bytes() == b"mine"
    assert (workspace.folder / "a[1].md").read_bytes() == b"2"


def test_a_branch_that_went_elsewhere_is_left_alone(workspace: Workspace) -> None:
    intake = workspace.head()
    commit = _commit(workspace, {"b.md": b"b"})
    assert workspace.land(_commit(workspace, {"c.md": b"c"}), intake)
    moved = workspace.head()
    assert not workspace.land(commit, intake)
    assert workspace.head() == moved


def test_a_landing_that_was_cut_short_is_finished(workspace: Workspace) -> None:
    commit = _commit(workspace, {"README.md": b"# Released\n", "b.md": b"b"})
    (workspace.folder / "README.md").write_bytes(b"# Released\n")
    assert workspace.land(commit, workspace.head())
    assert (workspace.folder / "b.md").read_bytes() == b"b"


@pytest.mark.parametrize(("bare", "said"), [(False, "no commit yet"), (True, "no working directory")])
def test_a_repository_that_cannot_be_worked_in_says_why(tmp_path: Path, bare: bool, said: str) -> None:
    pygit2.init_repository(str(tmp_path / "other"), bare=bare)
    with pytest.raises(InvalidInput, match=said):
        Workspace.open(tmp_path / "other")


def test_a_folder_that_is_in_no_repository_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not in a Git repository") as error:
        Workspace.open(tmp_path)
    assert error.value.fix == "go into yours, or make one: 'phasegate init DIR'"


@pytest.mark.parametrize("lock", ["index.lock", "refs/heads/main.lock"])
def test_a_lock_of_git_is_found_before_a_file_is_written(workspace: Workspace, lock: str) -> None:
    commit, head = _commit(workspace, {"README.md": b"# Released\n", "b.md": b"b"}), workspace.head()
    (workspace.folder / ".git" / lock).touch()
    with pytest.raises(Held, match="has locked") as refused:
        workspace.land(commit, head)
    assert (workspace.head(), (workspace.folder / "b.md").exists()) == (head, False)
    subprocess.run(refused.value.fix.partition(": ")[2], shell=True, check=True)
    assert workspace.land(commit, head)
    assert workspace.head() == commit


@pytest.mark.parametrize("name", ["heads/phasegate/r1", "phasegate/kept/r1/0"])
def test_a_lock_that_a_killed_process_left_on_a_ref_of_ours_is_removed(workspace: Workspace, name: str) -> None:
    _old_lock(workspace, f"refs/{name}")
    commit = _commit(workspace, {"b.md": b"b"})
    workspace.point("phasegate/r1", commit)
    workspace.keep("r1", commit)
    assert (workspace.tip("phasegate/r1"), workspace.marked("kept/r1/0")) == (commit, commit)


@pytest.mark.parametrize(("ours", "lands"), [(True, True), (False, False)])
def test_an_old_lock_on_the_branch_to_land_on_is_ours_where_it_holds_the_commit(
    workspace: Workspace, ours: bool, lands: bool
) -> None:
    commit, head = _commit(workspace, {"b.md": b"b"}), workspace.head()
    _old_lock(workspace, "refs/heads/main", commit if ours else head)
    if lands:
        assert workspace.land(commit, head)
    else:
        with pytest.raises(Locked, match="has locked"):
            workspace.land(commit, head)
    assert workspace.head() == (commit if lands else head)


def _old_lock(workspace: Workspace, name: str, content: str = "") -> None:
    lock = workspace.folder / ".git" / f"{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(f"{content}\n")
    before = time.time() - LOCK_SECONDS - 1
    os.utime(lock, (before, before))


def test_a_lock_on_the_branch_of_a_run_is_told(workspace: Workspace) -> None:
    workspace.point("phasegate/r1", workspace.head())
    (workspace.folder / ".git" / "refs" / "heads" / "phasegate" / "r1.lock").touch()
    with pytest.raises(Held, match="has locked") as refused:
        workspace.point("phasegate/r1", _commit(workspace, {"b.md": b"b"}))
    assert refused.value.fix.endswith("phasegate/r1.lock")


def test_a_repository_of_somebody_else_is_told_as_git_tells_it(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid():
        pytest.skip("only root gives files away")
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = [workspace.folder, *workspace.folder.rglob("*")]
    for path in paths:
        os.chown(path, 65534, 65534)
    with pytest.raises(InvalidInput, match="belongs to another user") as refused:
        Workspace.open(workspace.folder)
    top = str(workspace.folder).rstrip("/")
    assert refused.value.fix == f"git config --global --add safe.directory {top}"


def test_a_repository_with_sha_256_is_told(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(tmp_path)], check=True)
    with pytest.raises(InvalidInput, match="SHA-256") as refused:
        Workspace.open(tmp_path)
    assert "SHA-1" in refused.value.fix


def test_what_gates_showed_outlives_its_branch(workspace: Workspace) -> None:
    first = _commit(workspace, {"b.md": b"b"})
    second = _commit(workspace, {"c.md": b"c"}, first)
    other = _commit(workspace, {"d.md": b"d"})
    for commit in (first, second, second, other):
        workspace.keep("r1", commit)
        workspace.point("phasegate/r1", commit)
    for command in ("branch -D phasegate/r1", "reflog expire --expire=now --all", "gc -q --prune=now"):
        subprocess.run(["git", *command.split()], cwd=workspace.folder, check=True, capture_output=True)
    again = Workspace.open(workspace.folder)
    assert [bool(again.tree_of(commit)) for commit in (first, second, other)] == [True, True, True]
    assert again.marks("kept/r1/") == {"0": second, "1": other}


def test_marks_are_found_as_files_and_packed_and_a_file_counts_first(workspace: Workspace) -> None:
    first, second = workspace.head(), _commit(workspace, {"b.md": b"b"})
    for name in ("1.0.0", "1.1.0", "deep/1.2.0"):
        workspace.mark(f"released/{name}", first)
    subprocess.run(["git", "pack-refs", "--all"], cwd=workspace.folder, check=True)
    workspace.mark("released/1.1.0", second)
    workspace.mark("released/1.3.0", second)
    workspace.mark("released-not/1.4.0", second)
    assert workspace.marks("released/") == {"1.0.0": first, "1.1.0": second, "1.3.0": second}
    assert workspace.marks("nothing/") == {}

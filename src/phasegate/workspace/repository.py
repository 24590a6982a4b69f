"""A Git repository as trees and commits."""

import logging
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, Self

import pygit2
from pygit2.enums import CheckoutStrategy, FileMode, ObjectType

from phasegate.core import InvalidInput, Locked, PhasegateError, visible
from phasegate.core.files import sync_folder
from phasegate.workspace.merging import Merged, Rule, merge_trees
from phasegate.workspace.objects import written_together
from phasegate.workspace.state import checked_out, link_state, ref_names, state_directory

pygit2.settings.enable_fsync_gitdir()  # what is written here is shown at gates and signed: it is on disk before
_log = logging.getLogger("phasegate.workspace")
_OURS = ("refs/heads/phasegate/", "refs/phasegate/")
"""Refs that only Phasegate moves."""
LOCK_SECONDS = 10.0
"""Age at which the lock of a ref that only Phasegate moves was left by a process that was killed.

A ref is locked for as long as its new value takes to reach the disk, which is milliseconds.
"""
_EXACTLY = CheckoutStrategy.FORCE | CheckoutStrategy.DISABLE_PATHSPEC_MATCH
"""A path such as `a[1].md` is a name here, not a pattern that matches others."""


class Signature(NamedTuple):
    """Author of a commit."""

    name: str
    email: str


@dataclass(frozen=True, eq=False)
class Tree(Mapping[str, bytes]):
    """Files of a tree by path from its top, with content read on demand."""

    repository: pygit2.Repository
    id: str

    def __getitem__(self, path: str) -> bytes:
        entry = self._top[path]
        if not isinstance(entry, pygit2.Blob):
            raise KeyError(path)
        return entry.data

    def __iter__(self) -> Iterator[str]:
        yield from _paths(self._top, "")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def _top(self) -> pygit2.Tree:
        return self.repository[self.id].peel(pygit2.Tree)


class Workspace:
    """A Git repository that runs write to, each on a branch of its own."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository = repository

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the repository that the folder is in.

        Raises:
            InvalidInput: it is in none, or in one without a commit.
        """
        found = pygit2.discover_repository(str(path))
        if found is None:
            raise InvalidInput(
                f"'{path}' is not in a Git repository", fix="go into yours, or make one: 'phasegate init DIR'"
            )
        repository = _opened(path)  # not `found`: from there a `.git` file is not seen, nor its work tree
        if repository.is_bare:
            raise InvalidInput(f"the repository '{path}' has no working directory", fix="clone it, and work there")
        if repository.head_is_unborn:
            raise InvalidInput(f"the repository '{path}' has no commit yet", fix="commit something: 'git commit'")
        return cls(repository)

    @classmethod
    def create(cls, path: Path, files: Mapping[str, bytes], *, author: Signature, when: datetime, message: str) -> Self:
        """Makes a repository with a first commit of these files, and checks it out."""
        repository = pygit2.init_repository(str(path), initial_head="main")
        workspace = cls(repository)
        commit = workspace.commit([], files, author=author, when=when, message=message)
        repository.create_reference("refs/heads/main", commit)
        repository.checkout("refs/heads/main", strategy=CheckoutStrategy.SAFE)
        return workspace

    def add(self, paths: Sequence[str], *, author: Signature, when: datetime, message: str) -> str:
        """Commit files of the working directory on top of what is checked out, and return the commit."""
        files = {path: (self.folder / path).read_bytes() for path in paths}
        commit = self.commit([self.head()], files, author=author, when=when, message=message)
        self._repository.references[self._repository.head.name].set_target(commit)
        for path in paths:
            self._repository.index.add(path)
        self._repository.index.write()
        return commit

    @property
    def folder(self) -> Path:
        """The top of the working directory."""
        return Path(self._repository.workdir)

    @cached_property
    def state(self) -> Path:
        """The state directory of the repository, shared by its work trees."""
        return state_directory(Path(self._repository.path))

    @property
    def user(self) -> Signature:
        """Whom Git is configured to commit as."""
        name = self._setting("user.name") or "manager"
        return Signature(name, self._setting("user.email") or f"{name}@localhost")

    @property
    def knows_user(self) -> bool:
        """Return whether Git is configured with a name and an address to commit as."""
        return bool(self._setting("user.name") and self._setting("user.email"))

    def is_ignored(self, path: str) -> bool:
        """Return whether Git leaves a file out by its ignore rules, which a tracked file never is."""
        return path not in self._repository.index and self._repository.path_is_ignored(path)

    def head(self) -> str:
        """The commit that is checked out."""
        return str(self._repository.head.target)

    def tree(self, commit: str) -> Tree:
        """The files of a commit."""
        return Tree(self._repository, self.tree_id(commit))

    def listing(self, commit: str) -> list[tuple[str, str, str]]:
        """Mode, path and hash of every entry of a commit's tree, submodules too: what its hash is made of."""
        return list(_listing(_tree_of(self._repository, commit), ""))

    def tree_id(self, commit: str) -> str:
        """The hash of a commit's tree: equal bytes, equal hash.

        Raises:
            KeyError: there is no such commit.
            InvalidInput: Git cannot read it.
        """
        return str(_tree_of(self._repository, commit).id)

    def commit(
        self,
        parents: Sequence[str],
        files: Mapping[str, bytes | None],
        *,
        author: Signature,
        when: datetime,
        message: str,
    ) -> str:
        """Commits the first parent's tree with these files changed, None meaning removed. Points no branch at it.

        The same arguments give the same commit, so a step that runs twice makes one.
        """
        base = self._repository[parents[0]].peel(pygit2.Tree) if parents else None
        with self._writing() as repository:
            staged = _staged(repository, base, files)
            return _write(repository, staged, parents, author, when, message)

    def join(self, base: str, drafts: Sequence[str], *, author: Signature, when: datetime, message: str) -> str:
        """Return one commit with the changes of several drafts since their common base.

        Raises:
            PhasegateError: two of them wrote one path.
        """
        # A merge of one would be a commit that says nothing.
        if len(drafts) == 1:
            return drafts[0]
        files: dict[str, bytes | pygit2.Oid | None] = {}
        for draft in drafts:
            for path, blob in self.difference(base, draft):
                if path in files:
                    raise PhasegateError(
                        f"two authors wrote '{path}'", fix="give each author of the phase artifacts of its own"
                    )
                files[path] = blob
        with self._writing() as repository:
            staged = _staged(repository, self._repository[base].peel(pygit2.Tree), files)
            return _write(repository, staged, drafts, author, when, message)

    def merge(
        self, own: str, other: str, rule: Rule, *, author: Signature, when: datetime, message: str
    ) -> tuple[str, Merged]:
        """Return one commit with the changes of two commits since they parted, and its origin.

        Args:
            own: the first parent.
            other: the second parent.
            rule: settles the files that both changed.
            author: of the commit.
            when: its time.
            message: what it says.
        """
        merged = merge_trees(self._repository, own, other, rule)
        with self._writing() as repository:
            return _write(repository, merged.staged, [own, other], author, when, message), merged

    def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether a commit is another one or has it in its history."""
        return commit == ancestor or self._repository.descendant_of(pygit2.Oid(hex=commit), pygit2.Oid(hex=ancestor))

    def point(self, branch: str, commit: str) -> None:
        """Points a branch at a commit, whatever it pointed at before.

        Raises:
            PhasegateError: there is a branch whose name is the first part of this one's.
        """
        try:
            self._point(f"refs/heads/{branch}", commit)
        except (OSError, ValueError, pygit2.GitError) as error:
            # Git has no branch `a/b` beside a branch `a`.
            raise PhasegateError(
                f"the branch '{branch}' cannot be made: {error}",
                fix=f"rename the branch '{branch.partition('/')[0]}', if there is one",
            ) from error

    def tip(self, branch: str) -> str:
        """The commit that a branch points at, or an empty string where there is none."""
        reference = self._repository.references.get(f"refs/heads/{branch}")
        return str(reference.target) if reference else ""

    def mark(self, name: str, commit: str) -> None:
        """Keeps a commit under a name of ours, out of the branches."""
        self._point(f"refs/phasegate/{name}", commit)

    def keep(self, run: str, commit: str) -> None:
        """Keep a run's commit whatever becomes of its branch: what a gate showed is still there after `git gc`."""
        number = 0
        # One ref for each line of history: a commit that contains what was kept takes its place, and one beside it gets
        # another number.
        while (kept := self.marked(f"kept/{run}/{number}")) and not self.contains(commit, kept):
            number += 1
        if kept != commit:
            self.mark(f"kept/{run}/{number}", commit)

    def marked(self, name: str) -> str | None:
        """The commit that was kept under that name, or None."""
        reference = self._repository.references.get(f"refs/phasegate/{name}")
        return str(reference.target) if reference else None

    def marks(self, prefix: str) -> dict[str, str]:
        """Return the commits that were kept under the names of a folder, by the rest of their names.

        Args:
            prefix: The folder's name, with the slash at its end.
        """
        # The library's iterator opens every ref of the repository, and each run has several.
        names = ref_names(self.state.parent, f"refs/phasegate/{prefix}")
        return {name: commit for name in names if (commit := self.marked(f"{prefix}{name}"))}

    def runs_in_refs(self) -> list[str]:
        """Return the runs that began here by refs, without branches that a remote may have from elsewhere."""
        # Branches that were fetched are of another clone's runs, which this record knows nothing of (decision 0016).
        names = [each.name.split("/") for each in self._repository.references.iterator()]
        began = {name[3] for name in names if name[:3] == ["refs", "phasegate", "intake"]}
        branches = {name[3] for name in names if name[:3] == ["refs", "heads", "phasegate"] and len(name) == 4}
        fetched = {name[4] for name in names if name[:2] == ["refs", "remotes"] and name[3:4] == ["phasegate"]}
        return sorted(began | (branches - fetched))

    def refs(self) -> dict[str, str]:
        """The refs of runs: their branches, and what is kept out of the branches."""
        found = (each for each in self._repository.references.iterator() if each.name.startswith(_OURS))
        return {each.name: str(each.target) for each in found if isinstance(each.target, pygit2.Oid)}

    def restore_ref(self, name: str, commit: str) -> None:
        """Make a missing ref of runs, and leave a present one where it is."""
        if name.startswith(_OURS) and name not in self._repository.references:
            self._point(name, commit)

    def tree_of(self, commit: str) -> str:
        """The hash of a commit's tree, or an empty string where the commit or a part of it is not there."""
        try:
            return self.tree_id(commit)
        except (KeyError, ValueError, pygit2.GitError):
            return ""

    def tracks(self, path: str) -> bool:
        """Return whether Git tracks a file of that path, or files below it."""
        tree = self._repository[self.head()].peel(pygit2.Tree)
        staged = (entry.path for entry in self._repository.index)
        return path in tree or any(name == path or name.startswith(f"{path}/") for name in staged)

    def link_state(self) -> None:
        """Make the link to the state directory, or mend one that leads elsewhere, and ignore a failure."""
        with suppress(OSError):
            link_state(self.folder, self.state, is_tracked=self.tracks)

    def aim(self, name: str) -> None:
        """Keep under a ref of ours which branch is checked out, if one is."""
        head = self._repository.references["HEAD"]
        if isinstance(head.target, str):
            self._refuse_ref_lock(f"refs/phasegate/{name}")
            self._repository.references.create(f"refs/phasegate/{name}", head.target, force=True)

    def aimed(self, name: str) -> str:
        """Return the full name of the branch kept under that ref, or an empty string."""
        reference = self._repository.references.get(f"refs/phasegate/{name}")
        return str(reference.target) if reference and isinstance(reference.target, str) else ""

    def work_tree(self, branch: str) -> Path | None:
        """Return the top of the work tree that has the branch of that full name checked out, or None."""
        common = self.state.parent
        places = {Path(self._repository.path): self.folder}
        if common.name == ".git":
            places.setdefault(common, common.parent)
        for linked in common.glob("worktrees/*/gitdir"):
            places.setdefault(linked.parent, Path(linked.read_text(encoding="utf-8").strip()).parent)
        here = (top for place, top in places.items() if branch and checked_out(place) == branch and top.is_dir())
        return next(here, None)

    def land(self, commit: str, intake: str, branch: str = "") -> bool:
        """Moves a branch forward to the commit, and the working directory with it where the branch is checked out.

        Args:
            commit: where to.
            intake: the commit of what the user handed in; a file that is still as they handed it in may be replaced.
            branch: its full name; empty: the one that is checked out here.

        Returns:
            False, with nothing moved, where the branch is gone or went elsewhere in the meantime, a file would be
            overwritten, or the branch is checked out in another working directory.
        """
        repository = self._repository
        target = branch or repository.head.name
        reference = repository.references.get(target)
        if reference is None:
            return False
        head = str(reference.target)
        if self.contains(head, commit):
            return True
        if not self.contains(commit, head):
            return False
        # Before files are written: with the working directory changed and the branch not moved, Git would show the
        # release as the user's own edits.
        self._refuse_locked(target, commit)
        if target != repository.head.name:
            return self._advance(reference, commit)
        paths = [path for path, _ in self.difference(head, commit)]
        if not all(self._replaceable(path, [self.tree(head), self.tree(intake), self.tree(commit)]) for path in paths):
            return False
        tree = repository[commit].peel(pygit2.Tree)
        repository.checkout_tree(tree, strategy=_EXACTLY, paths=paths)  # type: ignore[no-untyped-call]
        reference.set_target(pygit2.Oid(hex=commit))  # refused where somebody else moved it since it was read
        return True

    def _refuse_locked(self, branch: str, commit: str) -> None:
        """Refuse to land a commit while Git's index or the branch is locked, before any file is written.

        Raises:
            Locked: A Git command works there, or one that was killed left its lock.
        """
        _refuse_lock(Path(self._repository.path) / "index.lock")
        self._refuse_ref_lock(branch, commit)

    def _advance(self, reference: pygit2.Reference, commit: str) -> bool:
        if self._repository.lookup_branch(reference.shorthand).is_checked_out():
            return False
        reference.set_target(pygit2.Oid(hex=commit))
        return True

    def _point(self, name: str, commit: str) -> None:
        top = self.state.parent
        new = list(takewhile(lambda folder: not (top / folder).exists(), Path(name).parents))
        self._refuse_ref_lock(name, commit)
        self._repository.references.create(name, pygit2.Oid(hex=commit), force=True)
        for folder in new:
            sync_folder((top / folder).parent)

    def _refuse_ref_lock(self, name: str, commit: str = "") -> None:
        lock = self.state.parent / f"{name}.lock"
        with suppress(FileNotFoundError):
            # A lock on somebody else's branch is ours where it holds the very commit that is to be written.
            ours = name.startswith(_OURS) or (
                commit and lock.read_text(encoding="utf-8", errors="replace").strip() == commit
            )
            if ours and time.time() - lock.stat().st_mtime >= LOCK_SECONDS:
                lock.unlink()
                _log.warning("removed '%s', left by a process that was killed", lock, extra={"action": "unlock"})
        _refuse_lock(lock)

    def _setting(self, name: str) -> str:
        try:
            return self._repository.config[name] or ""
        except KeyError:
            return ""

    def _replaceable(self, path: str, known: Sequence[Tree]) -> bool:
        file = self.folder / path
        if not file.exists():
            return not file.is_symlink()
        return file.is_file() and any(tree.get(path) == file.read_bytes() for tree in known)

    def difference(self, base: str, draft: str) -> Iterator[tuple[str, pygit2.Oid | None]]:
        """Each path in which two commits differ, with what the second one has there, or None where it has nothing."""
        for delta in self._repository.diff(self.tree_id(base), self.tree_id(draft)).deltas:
            removed = delta.status == pygit2.enums.DeltaStatus.DELETED
            yield (delta.old_file.path, None) if removed else (delta.new_file.path, delta.new_file.id)

    def _writing(self) -> AbstractContextManager[pygit2.Repository]:
        return written_together(self._repository.path, self.state.parent / "objects")


def _tree_of(repository: pygit2.Repository, commit: str) -> pygit2.Tree:
    try:
        return repository[commit].peel(pygit2.Tree)
    except pygit2.GitError as error:
        raise InvalidInput(
            f"the files of commit '{visible(commit[:12])}' cannot be read: {error}",
            fix="look with 'git fsck', and fetch the commit from a copy that holds",
        ) from error


def _opened(path: Path) -> pygit2.Repository:
    try:
        return pygit2.Repository(str(path))
    except pygit2.GitError as error:
        message, fix = _unusable(path, str(error))
        raise InvalidInput(message, fix=fix) from error


def _refuse_lock(lock: Path) -> None:
    if lock.exists():
        raise Locked(
            f"a Git command has locked '{lock.with_suffix('')}'",
            fix=f"let it end; if none runs, remove what it left: rm {shlex.quote(str(lock))}",
        )


def _unusable(path: Path, reason: str) -> tuple[str, str]:
    """Return the error and remedy for a repository that Git's library does not open."""
    if "not owned by current user" in reason:
        # Whoever owns it writes its configuration, which names programs that Git runs: its own rule is followed.
        top = reason.partition("'")[2].rpartition("'")[0] or str(path)
        fix = f"git config --global --add safe.directory {shlex.quote(top)}"
        return f"the repository '{top}' belongs to another user, and Git trusts only yours", fix
    if "object format" in reason:
        return f"the repository '{path}' names its objects by SHA-256", "use one that names them by SHA-1: 'git init'"
    return f"the repository '{path}' cannot be opened: {reason}", "see what 'git status' says there"


def _listing(tree: pygit2.Tree, folder: str) -> Iterator[tuple[str, str, str]]:
    for entry in tree:
        path = f"{folder}{entry.name}"
        if isinstance(entry, pygit2.Tree):
            yield from _listing(entry, f"{path}/")
        else:
            yield f"{entry.filemode:o}", path, str(entry.id)


def _paths(tree: pygit2.Tree, folder: str) -> Iterator[str]:
    for entry in tree:
        path = f"{folder}{entry.name}"
        if entry.type == ObjectType.TREE and isinstance(entry, pygit2.Tree):
            yield from _paths(entry, f"{path}/")
        elif entry.type == ObjectType.BLOB:
            yield path


def _staged(
    repository: pygit2.Repository, base: pygit2.Tree | None, files: Mapping[str, bytes | pygit2.Oid | None]
) -> pygit2.Index:
    # An index in memory: the repository's own is the user's, and holds what they have staged.
    index = pygit2.Index()
    if base is not None:
        index.read_tree(base)
    _collide_not(base, files)
    for path, content in files.items():
        _stage(repository, index, path, content)
    return index


def _write(
    repository: pygit2.Repository,
    index: pygit2.Index,
    parents: Sequence[str],
    author: Signature,
    when: datetime,
    message: str,
) -> str:
    # In UTC, whatever zone the machine is in: the offset is part of what a commit's hash is made of.
    who = pygit2.Signature(author.name, author.email, int(when.timestamp()), 0)
    return str(repository.create_commit(None, who, who, message, index.write_tree(repository), list(parents)))


def _stage(repository: pygit2.Repository, index: pygit2.Index, path: str, content: bytes | pygit2.Oid | None) -> None:
    # Paths come from authors, models among them; `.git` in any spelling is a folder whose files Git obeys, also on
    # disks that do not tell letters apart.
    if _leaves(path):
        raise InvalidInput(f"the path '{visible(path)}' leaves the repository", fix="write paths from its top")
    if content is None:
        if path in index:
            index.remove(path)
        return
    try:
        blob = repository.create_blob(content) if isinstance(content, bytes) else content
        index.add(pygit2.IndexEntry(path, blob, _mode(index, path)))
    except pygit2.GitError as error:
        raise InvalidInput(f"Git refuses the path '{path}'", fix="take another name") from error


def _leaves(path: str) -> bool:
    parts = path.split("/")
    return "\\" in path or visible(path) != path or any(part.lower() in ("", ".", "..", ".git") for part in parts)


def _mode(index: pygit2.Index, path: str) -> FileMode:
    # Never a link: what an author writes is a file, and stays executable only where it was approved so.
    executable = path in index and index[path].mode == FileMode.BLOB_EXECUTABLE
    return FileMode.BLOB_EXECUTABLE if executable else FileMode.BLOB


def _collide_not(base: pygit2.Tree | None, files: Mapping[str, bytes | pygit2.Oid | None]) -> None:
    """Refuses what would be a file and a folder at once: Git would drop one of the two without a word."""
    written = {path for path, content in files.items() if content is not None}
    for path in sorted(written):
        folders = [path[:at] for at, char in enumerate(path) if char == "/"]
        both = [f for f in folders if f in written or (f not in files and _is(base, f, pygit2.Blob))]
        if both or _is(base, path, pygit2.Tree):
            raise InvalidInput(f"'{[*both, path][0]}' would be a file and a folder at once", fix="take another name")


def _is(base: pygit2.Tree | None, path: str, kind: type[pygit2.Object]) -> bool:
    return base is not None and path in base and isinstance(base[path], kind)

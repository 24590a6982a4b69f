"""A Git repository as trees and commits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

import pygit2
from pygit2.enums import CheckoutStrategy, FileMode, ObjectType

from phasegate.core import InvalidInput, PhasegateError


class Signature(NamedTuple):
    """Who made a commit."""

    name: str
    email: str


@dataclass(frozen=True, eq=False)
class Tree(Mapping[str, bytes]):
    """The files of one tree, by path from its top; content is read when it is asked for."""

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
            raise InvalidInput(f"'{path}' is not in a Git repository", fix="make one: 'phasegate init DIR'")
        repository = pygit2.Repository(found)
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

    @property
    def folder(self) -> Path:
        """The top of the working directory."""
        return Path(self._repository.workdir)

    @property
    def user(self) -> Signature:
        """Whom Git is configured to commit as."""
        name = self._setting("user.name") or "manager"
        return Signature(name, self._setting("user.email") or f"{name}@localhost")

    def head(self) -> str:
        """The commit that is checked out."""
        return str(self._repository.head.target)

    def tree(self, commit: str) -> Tree:
        """The files of a commit."""
        return Tree(self._repository, self.tree_id(commit))

    def tree_id(self, commit: str) -> str:
        """The hash of a commit's tree: equal bytes, equal hash."""
        return str(self._repository[commit].peel(pygit2.Tree).id)

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
        index = pygit2.Index()
        if parents:
            index.read_tree(self._repository[parents[0]].peel(pygit2.Tree))
        for path, content in files.items():
            _stage(self._repository, index, path, content)
        return self._write(index, parents, author, when, message)

    def join(self, base: str, drafts: Sequence[str], *, author: Signature, when: datetime, message: str) -> str:
        """One commit of what several drafts changed since their common base.

        Raises:
            PhasegateError: two of them wrote one path.
        """
        if len(drafts) == 1:
            return drafts[0]
        owners: dict[str, str] = {}
        files: dict[str, bytes | None] = {}
        for draft in drafts:
            for path, content in self._written(base, draft):
                if path in owners:
                    raise PhasegateError(
                        f"two authors wrote '{path}'", fix="give each author of the phase artifacts of its own"
                    )
                owners[path], files[path] = draft, content
        index = pygit2.Index()
        index.read_tree(self._repository[base].peel(pygit2.Tree))
        for path, content in files.items():
            _stage(self._repository, index, path, content)
        return self._write(index, drafts, author, when, message)

    def point(self, branch: str, commit: str) -> None:
        """Points a branch at a commit, whatever it pointed at before."""
        self._repository.references.create(f"refs/heads/{branch}", pygit2.Oid(hex=commit), force=True)

    def mark(self, name: str, commit: str) -> None:
        """Keeps a commit under a name of ours, out of the branches."""
        self._repository.references.create(f"refs/phasegate/{name}", pygit2.Oid(hex=commit), force=True)

    def marked(self, name: str) -> str | None:
        """The commit that was kept under that name, or None."""
        reference = self._repository.references.get(f"refs/phasegate/{name}")
        return str(reference.target) if reference else None

    def land(self, commit: str, intake: str) -> bool:
        """Moves the branch that is checked out forward to the commit, and the working directory with it.

        Args:
            commit: where to.
            intake: the commit of what the user handed in; a file that is still as they handed it in may be replaced.

        Returns:
            False, with nothing moved, where the branch went elsewhere in the meantime or a file would be overwritten.
        """
        repository = self._repository
        head = self.head()
        if head == commit:
            return True
        if not repository.descendant_of(pygit2.Oid(hex=commit), pygit2.Oid(hex=head)):
            return False
        paths = [path for path, _ in self._written(head, commit)]
        if not all(self._replaceable(path, [self.tree(head), self.tree(intake), self.tree(commit)]) for path in paths):
            return False
        tree = repository[commit].peel(pygit2.Tree)
        repository.checkout_tree(tree, strategy=CheckoutStrategy.FORCE, paths=paths)  # type: ignore[no-untyped-call]
        repository.references[repository.head.name].set_target(pygit2.Oid(hex=commit))
        return True

    def _setting(self, name: str) -> str:
        try:
            return self._repository.config[name] or ""
        except KeyError:
            return ""

    def _replaceable(self, path: str, known: Sequence[Tree]) -> bool:
        file = self.folder / path
        return not file.exists() or any(tree.get(path) == file.read_bytes() for tree in known)

    def _written(self, base: str, draft: str) -> Iterator[tuple[str, bytes | None]]:
        new = self.tree(draft)
        for delta in self._repository.diff(self.tree_id(base), new.id).deltas:
            removed = delta.status == pygit2.enums.DeltaStatus.DELETED
            yield (delta.old_file.path, None) if removed else (delta.new_file.path, new[delta.new_file.path])

    def _write(
        self, index: pygit2.Index, parents: Sequence[str], author: Signature, when: datetime, message: str
    ) -> str:
        who = pygit2.Signature(author.name, author.email, int(when.timestamp()), 0)
        tree = index.write_tree(self._repository)
        return str(self._repository.create_commit(None, who, who, message, tree, list(parents)))


def _paths(tree: pygit2.Tree, folder: str) -> Iterator[str]:
    for entry in tree:
        path = f"{folder}{entry.name}"
        if entry.type == ObjectType.TREE and isinstance(entry, pygit2.Tree):
            yield from _paths(entry, f"{path}/")
        elif entry.type == ObjectType.BLOB:
            yield path


def _stage(repository: pygit2.Repository, index: pygit2.Index, path: str, content: bytes | None) -> None:
    if path.startswith("/") or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise InvalidInput(f"the path '{path}' leaves the repository", fix="write paths from its top")
    if content is None:
        index.remove(path)
    else:
        index.add(pygit2.IndexEntry(path, repository.create_blob(content), FileMode.BLOB))

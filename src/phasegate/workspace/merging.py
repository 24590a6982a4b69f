"""Merges of two commits' trees, file by file, with a rule for the files that both changed."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import pygit2
from pygit2.enums import MergeFlag

Side = Literal["own", "other", ""]
Rule = Callable[[str], Side]
"""Whose bytes a path gets that both sides changed; empty: their lines are merged."""


class Merged(NamedTuple):
    """The tree that came of a merge."""

    staged: pygit2.Index
    kept: tuple[str, ...]
    """Paths that both sides changed, and that have the bytes of one of them by the rule."""
    mixed: tuple[str, ...]
    """Paths whose lines were merged: their bytes are those of neither side."""
    conflicts: tuple[str, ...]
    """Paths that nothing settles; the tree holds them as the other side has them."""


def merge_trees(repository: pygit2.Repository, own: str, other: str, rule: Rule) -> Merged:
    """The changes of both commits since they parted.

    Renames are not looked for: a file that moved is one that went and one that came, on either side.
    """
    index = repository.merge_commits(other, own, flags=MergeFlag(0))
    sides = {"own": repository[own].peel(pygit2.Tree), "other": repository[other].peel(pygit2.Tree)}
    disputed = _disputed(index)
    mixed = {path for path in _entries(index) if path not in disputed and _is_of_neither(index, path, sides)}
    kept, conflicts = [], []
    for path in sorted(disputed | mixed):
        side = rule(path)
        if side:
            kept.append(path)
            mixed.discard(path)
        elif path in disputed:
            conflicts.append(path)
        if side or path in disputed:
            _put(index, path, sides[side or "other"])
    return Merged(index, tuple(kept), tuple(sorted(mixed)), tuple(conflicts))


def _disputed(index: pygit2.Index) -> set[str]:
    """Return the paths in conflict and remove them from the index."""
    rows = list(index.conflicts or ())
    paths = {entry.path for row in rows for entry in row if entry is not None}
    for path in paths:
        del index.conflicts[path]
    return paths


def _entries(index: pygit2.Index) -> Iterator[str]:
    for entry in index:
        yield entry.path


def _is_of_neither(index: pygit2.Index, path: str, sides: dict[str, pygit2.Tree]) -> bool:
    return all(path not in tree or tree[path].id != index[path].id for tree in sides.values())


def _put(index: pygit2.Index, path: str, tree: pygit2.Tree) -> None:
    if path in index:
        index.remove(path)
    if path in tree:
        entry = tree[path]
        index.add(pygit2.IndexEntry(path, entry.id, entry.filemode))

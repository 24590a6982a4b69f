"""Seam to the tests of a tree, which authors run while they write and checks run to judge."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from phasegate.authors.author import Facts, matches
from phasegate.authors.deliverable import Deliverable
from phasegate.sandbox import TestReport

_CONFTEST = "conftest.py"


class Trial(Protocol):
    """Runs the tests of a tree."""

    async def run(self, kind: Deliverable, facts: Facts, files: Mapping[str, bytes]) -> TestReport:
        """Return the outcome of the tests in a sandbox without network, remembered by the tree.

        Raises:
            Missing: a dependency of the package is not installed beside Phasegate.
        """
        ...


def test_files(kind: Deliverable, facts: Facts, paths: Iterable[str]) -> list[str]:
    """Return the paths of a deliverable's test files."""
    patterns = facts.paths(kind.tests)
    return sorted(path for path in paths if matches(path, patterns) and path.endswith(".py"))


def measured_files(kind: Deliverable, facts: Facts, paths: Iterable[str]) -> list[str]:
    """Return the paths of the modules whose coverage is measured."""
    patterns = facts.paths(kind.code)
    return sorted(path for path in paths if matches(path, patterns) and path.endswith(".py"))


def support_files(kind: Deliverable, facts: Facts, paths: Iterable[str]) -> list[str]:
    """Return the paths of what pytest reads beside a deliverable's test files: their conftest.py files."""
    folders = {"tests", *(pattern.rpartition("/")[0] for pattern in facts.paths(kind.tests))}
    return sorted(path for path in paths if path.rpartition("/")[2] == _CONFTEST and path.rpartition("/")[0] in folders)


# pytest would take it for a test wherever it is imported.
test_files.__test__ = False  # type: ignore[attr-defined]

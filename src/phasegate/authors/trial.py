"""Seam to the tests of a tree, which authors run while they write and checks run to judge."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from phasegate.authors.author import Facts, matches
from phasegate.authors.deliverable import Deliverable
from phasegate.sandbox import TestReport
from phasegate.team.templates import as_data

_CONFTEST = "conftest.py"
_MOST_FAILURES = 8
_MOST_OF_ONE = 1200
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")


class Trial(Protocol):
    """Runs the tests of a tree."""

    async def run(self, kind: Deliverable, facts: Facts, files: Mapping[str, bytes]) -> TestReport:
        """Return the outcome of the tests in a sandbox without network, remembered by the tree.

        Raises:
            Missing: a dependency of the package is not installed beside Phasegate.
        """


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


def told(report: TestReport) -> str:
    """Return a test report in words, the same for the same outcome: no times and no addresses."""
    passed = len(report.cases) - len(report.failed)
    lines = [f"{passed} of {len(report.cases)} tests passed."]
    lines += [f"Problem: {problem}" for problem in report.problems[:_MOST_FAILURES]]
    for case in report.failed[:_MOST_FAILURES]:
        lines += ["", f"{case.id} {case.outcome}:", _ADDRESS.sub("0x…", case.message)[-_MOST_OF_ONE:]]
    if len(report.failed) > _MOST_FAILURES:
        lines += ["", f"{len(report.failed) - _MOST_FAILURES} more failed."]
    return as_data("\n".join(lines), "tests")


# pytest would take it for a test wherever it is imported.
test_files.__test__ = False  # type: ignore[attr-defined]

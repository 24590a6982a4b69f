"""Ids that a text mentions, from which traces are made."""

import ast
import re
from typing import NamedTuple

from phasegate.core.python_source import parse_python

_ID = re.compile(r"\b(?:FR|SC|AC)-\d{3,}\b|\bUS\d+\b")
_CELL = re.compile(r"(?<!\\)\|")
_CRITERION = re.compile(r"\W*(AC-\d{3,})\W*")
_TEST_NAME = re.compile(r"`(test_\w+)`")
_TASK = re.compile(r"^- \[.\] (?P<id>T\d{3,})\b(?P<marks>(?: \[[^\]]+\])*) (?P<text>.+)$")


class Mention(NamedTuple):
    """An id, and the line that names it."""

    id: str
    line: int


class PlannedTests(NamedTuple):
    """A row of a test plan: an acceptance criterion, and the tests that are to show it."""

    id: str
    line: int
    tests: tuple[str, ...]


class NamedTest(NamedTuple):
    """A test function, and the ids that its docstring says it shows."""

    name: str
    line: int
    says: str
    ids: tuple[str, ...]


def named_tests(text: str) -> list[NamedTest]:
    """Return the tests at the top of a Python module in order, none where the text is not Python.

    What stands elsewhere, such as in a comment or beside a row of data, claims nothing.

    >>> named_tests('def test_a():\\n    "AC-001: it holds."')[0].ids
    ('AC-001',)
    """
    try:
        body = parse_python(text).body
    except (SyntaxError, ValueError):
        return []
    found = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [_test(node) for node in found if node.name.startswith("test_")]


def _test(node: ast.FunctionDef | ast.AsyncFunctionDef) -> NamedTest:
    says = ast.get_docstring(node) or ""
    ids = tuple(dict.fromkeys(mention.id for mention in mentions(says)))
    return NamedTest(node.name, node.lineno, says, ids)


def mentions(text: str) -> list[Mention]:
    """Every id of a requirement, criterion or story that a text names, in order, once a line.

    >>> mentions("- [ ] T001 [US1] Detect (FR-001, AC-002)")
    [Mention(id='US1', line=1), Mention(id='FR-001', line=1), Mention(id='AC-002', line=1)]
    """
    # Once a line, however often it repeats the id.
    found = (Mention(name, line) for line, each in enumerate(text.split("\n"), 1) for name in _ID.findall(each))
    return list(dict.fromkeys(found))


def planned_tests(text: str) -> list[PlannedTests]:
    """Read the rows of a test plan's table of criteria.

    A row counts for the criterion in its first cell and for the test functions in its last one. A criterion that is
    mentioned elsewhere (in prose, in another criterion's text, in a comment) is not planned by that.

    >>> planned_tests("| AC-001 | as AC-002 | FR-001 | `test_match` |\\nAC-003 is covered by `test_match`.")
    [PlannedTests(id='AC-001', line=1, tests=('test_match',))]
    """
    rows = ((line, _CELL.split(each.strip())[1:-1]) for line, each in enumerate(text.split("\n"), 1))
    found = ((line, cells, _CRITERION.fullmatch(cells[0])) for line, cells in rows if len(cells) > 1)
    return [PlannedTests(named[1], line, tuple(_TEST_NAME.findall(cells[-1]))) for line, cells, named in found if named]


class Task(NamedTuple):
    """Task of a plan."""

    id: str
    text: str
    """Without its marks."""
    line: int
    parallel: bool = False
    """Whether it is marked `[P]`: it touches no file of another open task."""


def tasks_of(text: str) -> list[Task]:
    """The tasks, in order.

    >>> tasks_of("# Tasks" + chr(10) + "- [ ] T001 [P] Write `a.py`")
    [Task(id='T001', text='Write `a.py`', line=2, parallel=True)]
    """
    # Line by line: a task is one line in Spec Kit's layout, and its line is what findings point at.
    found = ((number, _TASK.match(line)) for number, line in enumerate(text.splitlines(), 1))
    return [Task(match["id"], match["text"], number, "[P]" in match["marks"]) for number, match in found if match]

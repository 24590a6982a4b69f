"""Test files as text: which tests stand in them, and copies in which chosen tests must fail.

A seeded test fails whether the code under test is right or wrong. Where a test compares with a literal, the literal is
changed a little, so that the copy reads like any other test. Elsewhere a comparison that does not hold is added.
"""

import ast
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from phasegate.core.python_source import parse_python

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class WrittenTest:
    """A test function as written in a file."""

    id: str
    """`tests/test_x.py::test_name`, or with its class between."""
    name: str
    rows: int
    """Least number of cases that its parameters make."""


@dataclass(frozen=True, kw_only=True)
class _Edit:
    start: int
    end: int
    text: bytes


def written_tests(path: str, content: bytes) -> list[WrittenTest]:
    """Return the tests that pytest collects from a Python file by its default names."""
    try:
        tree = parse_python(content)
    except (SyntaxError, ValueError):
        return []
    lists = {name: length for node in tree.body for name, length in _lists(node)}
    return [
        WrittenTest(id="::".join([path, *within, function.name]), name=function.name, rows=_rows(function, lists))
        for within, function in _collected(tree)
    ]


def seeded(content: bytes, names: Collection[str], chance: random.Random) -> bytes:
    """Give a copy of the file in which every test of these names must fail.

    Args:
        content: The file.
        names: Names of functions; all functions of one name are seeded together, whichever class they are in.
        chance: Chooses where and how.
    """
    try:
        tree = parse_python(content)
    except (SyntaxError, ValueError):
        return content
    starts = _line_starts(content)
    edits: list[_Edit] = []
    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.name in names:
            edits += _literal_edit(node, starts, chance) or _added_edits(node, content, starts, chance)
    # From the end, so that the places of the edits before still hold.
    for edit in sorted(edits, key=lambda one: one.start, reverse=True):
        content = content[: edit.start] + edit.text + content[edit.end :]
    return content


def _collected(tree: ast.Module) -> Iterator[tuple[list[str], _Function]]:
    for node in tree.body:
        if isinstance(node, _Function) and node.name.startswith("test"):
            yield [], node
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            methods = (each for each in node.body if isinstance(each, _Function))
            yield from (([node.name], method) for method in methods if method.name.startswith("test"))


def _lists(node: ast.stmt) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List | ast.Tuple):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((t.id, _length(node.value, {})) for t in targets if isinstance(t, ast.Name))


def _rows(function: _Function, lists: dict[str, int]) -> int:
    rows = 1
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "parametrize":
            given = [*mark.args[1:2], *(word.value for word in mark.keywords if word.arg == "argvalues")]
            # At least one where the list is computed: how many cases it makes is known only inside, where nothing is
            # believed.
            rows *= max(_length(given[0], lists), 1) if given else 1
    return rows


def _length(node: ast.expr, lists: dict[str, int]) -> int:
    if isinstance(node, ast.List | ast.Tuple):
        return sum(not isinstance(each, ast.Starred) for each in node.elts)
    return lists.get(node.id, 1) if isinstance(node, ast.Name) else 1


def _literal_edit(function: _Function, starts: list[int], chance: random.Random) -> list[_Edit]:
    if any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) for node in ast.walk(function)):
        return []  # what comes behind it may never run
    compared = [side for node in function.body for side in _literals(node)]
    constants = [c for side in compared for c in ast.walk(side) if isinstance(c, ast.Constant) and _other(c) != c.value]
    if not constants:
        return []
    chosen = chance.choice(constants)
    return [_Edit(start=_start(chosen, starts), end=_end(chosen, starts), text=repr(_other(chosen)).encode())]


def _literals(node: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
        left, right = node.test.left, node.test.comparators[0]
        literal = [_is_literal(side) for side in (left, right)]
        # Only equality with one literal side: another literal is then certain to make it fail, as `<` or `in` is not.
        if isinstance(node.test.ops[0], ast.Eq) and sum(literal) == 1:
            yield left if literal[0] else right


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _other(constant: ast.Constant) -> Any:
    match constant.value:
        case bool() as value:
            return not value
        case int() | float() as value:
            return value + 1
        case str() as value:
            return f"{value}s"
        case bytes() as value:
            return value + b"s"
    return 0 if constant.value is None else constant.value


def _added_edits(function: _Function, content: bytes, starts: list[int], chance: random.Random) -> list[_Edit]:
    number = chance.randrange(2, 60)
    text = f"assert {number} == {number + 1}".encode()
    last = function.body[-1]
    compound = hasattr(last, "body") or isinstance(last, ast.Match)
    first = function.body[0]
    indent = content[starts[first.lineno - 1] : _start(first, starts)]
    # On the same line where that can be, so that the copy has as many lines as the approved file.
    between = b"\n" + indent if compound else b"; "
    # A test that returns early would pass without ever reaching what is added at its end.
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    edits = [_Edit(start=_start(node, starts), end=_end(node, starts), text=text) for node in returns]
    if not isinstance(last, ast.Return):
        edits.append(_Edit(start=_end(last, starts), end=_end(last, starts), text=between + text))
    return edits


def _line_starts(content: bytes) -> list[int]:
    starts = [0]
    for line in content.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _start(node: ast.expr | ast.stmt, starts: list[int]) -> int:
    return starts[node.lineno - 1] + node.col_offset


def _end(node: ast.expr | ast.stmt, starts: list[int]) -> int:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return starts[node.end_lineno - 1] + node.end_col_offset

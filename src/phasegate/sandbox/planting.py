"""A function that nothing calls, planted in a module: an honest measurement of coverage finds that it never ran."""

import ast
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import coverage

from phasegate.core.python_source import parse_python

_WORDS = ("read", "rows", "state", "first", "value", "merge", "names", "order", "items", "total", "window", "group")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A module with a function more, and its lines."""

    content: bytes
    lines: frozenset[int] = frozenset()
    """Line of the `def`, and of the body below it."""
    body: int = 0
    """The line that can never run; 0 where nothing was planted."""


def planted(content: bytes, chance: random.Random) -> Planted:
    """Plant the function where the module has two blank lines, so that no line moves, or else at its end."""
    lines = content.split(b"\n")
    # In place of blank lines, so that coverage counts the same lines in both runs.
    places = [number for number in _gaps(content) if not (lines[number].strip() or lines[number + 1].strip())]
    name = "_".join(chance.sample(_WORDS, 3))
    function = [f"def {name}(value):".encode(), b"    return value"]
    at = chance.choice(places) if places else len(lines)
    lines[at : at + 2 * bool(places)] = function
    return Planted(content=b"\n".join([*lines, b""]), lines=frozenset((at + 1, at + 2)), body=at + 2)


def statements(content: bytes) -> frozenset[int]:
    """Return the lines of a module's statements as coverage counts them, or none where it is not Python."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "module.py"
        file.write_bytes(content)
        measure = coverage.Coverage(data_file=None, config_file=False)
        try:
            _, found, _, _, _ = measure.analysis2(str(file))
        except coverage.CoverageException:
            return frozenset()
        finally:
            measure.get_data().close(force=True)  # its database in memory stays open otherwise
    return frozenset(found)


def _gaps(content: bytes) -> list[int]:
    """Return the indices of the lines two above a function or class of the module's own level."""
    try:
        tree = parse_python(content)
    except (SyntaxError, ValueError):
        return []
    # The first decorator's line, where there are any: a function between it and its class would be decorated instead.
    firsts = [
        min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return [first - 3 for first in firsts if first > 3]

"""Each line of the threat model names a test that exists."""

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_each_line_names_a_test_that_exists() -> None:
    text = (TOP / "docs" / "threat-model.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| tries")]
    named = [re.search(r"`(tests/[\w/]+\.py)::(\w+)` \|$", row) for row in rows]
    assert len(rows) > 15
    assert [row for row, found in zip(rows, named, strict=True) if not found] == []
    missing = [found[0] for found in named if found and found[2] not in _tests(TOP / found[1])]
    assert missing == []


def _tests(file: Path) -> set[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

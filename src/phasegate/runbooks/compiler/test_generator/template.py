"""Sections of the template of generated tests, and the indented statements that fill them."""

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.literal import script
from phasegate.runbooks.compiler.test_generator.mock_answers import Account, tables

_SECTION = re.compile(r"^=== (\w+)\n(.*?)(?=^=== |\Z)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"@(\w+)@")


class Test(NamedTuple):
    """Generated test function."""

    name: str
    source: str


def write_test(name: str, /, **words: object) -> Test:
    """Return the test of that name, with `words` in its places."""
    return Test(name, section(name, **words))


def section(name: str, /, **words: object) -> str:
    """Return a section of the template, with `words` in its places."""
    return _WORD.sub(lambda found: str(words[found[1]]) if found[1] in words else found[0], _sections()[name])


def rows(anatomy: Anatomy, account: Account, *, depth: int = 1) -> str:
    """Return the statements that give `answers` an account, as the body of a function."""
    return indented(script(tables(anatomy, account)), depth=depth)


def indented(statements: list[str], *, depth: int = 1) -> str:
    """Return statements as lines of a block."""
    lines = (line for statement in statements for line in statement.splitlines())
    return "\n".join(f"{'    ' * depth}{line}" if line else line for line in lines)


@cache
def _sections() -> dict[str, str]:
    text = (resources.files(__package__) / "tests.py.tmpl").read_text(encoding="utf-8")
    return dict(_SECTION.findall(text))

"""Which ids a text refers to: what traces are made of."""

import re
from typing import NamedTuple

_ID = re.compile(r"\b(?:FR|SC|AC)-\d{3,}\b|\bUS\d+\b")


class Mention(NamedTuple):
    """An id, and the line that names it."""

    id: str
    line: int


def mentions(text: str) -> list[Mention]:
    """Every id of a requirement, criterion or story that a text names, in order, once a line.

    >>> mentions("- [ ] T001 [US1] Detect (FR-001, AC-002)")
    [Mention(id='US1', line=1), Mention(id='FR-001', line=1), Mention(id='AC-002', line=1)]
    """
    found = (Mention(name, line) for line, each in enumerate(text.split("\n"), 1) for name in _ID.findall(each))
    return list(dict.fromkeys(found))

"""The tasks of a plan, as `tasks.md` lists them."""

import re
from typing import NamedTuple

_TASK = re.compile(r"^- \[.\] (?P<id>T\d{3,})\b(?P<marks>(?: \[[^\]]+\])*) (?P<text>.+)$")


class Task(NamedTuple):
    """Task of a plan."""

    id: str
    text: str
    """Without its marks."""
    line: int


def tasks_of(text: str) -> list[Task]:
    """The tasks, in order.

    >>> tasks_of("# Tasks" + chr(10) + "- [ ] T001 [P] Write `a.py`")
    [Task(id='T001', text='Write `a.py`', line=2)]
    """
    found = ((number, _TASK.match(line)) for number, line in enumerate(text.splitlines(), 1))
    return [Task(match["id"], match["text"], number) for number, match in found if match]

"""Record of a manager's comments, kept at the end of a document with what was answered."""

import re
from collections.abc import Sequence

HEADING = "## Comments of the manager"


def with_record(text: str, before: str, comments: Sequence[str], answers: Sequence[str]) -> str:
    """Return the document with the comments and their answers at its end, those of earlier attempts first.

    Args:
        text: the document.
        before: the document as it was at the attempt before, with its record.
        comments: what the manager asked for now.
        answers: one for each comment.
    """
    kept = before.partition(HEADING)[2].strip()
    rows = [f"- **{_plain(comment)}**\n  {answer}" for comment, answer in zip(comments, answers, strict=True)]
    record = "\n".join(part for part in [kept, *rows] if part)
    return f"{text.rstrip()}\n\n{HEADING}\n\n{record}\n" if record else text


def without_record(text: str) -> str:
    """Return the document without the record: what a person asked for is not what the document says.

    >>> without_record(with_record("# Plan\\n", "", ["AC-002 is tested."], ["Kept."]))
    '# Plan'
    """
    return text.partition(f"\n\n{HEADING}\n")[0]


def _plain(comment: str) -> str:
    return re.sub(r"([<>\[\]!*`|])", r"\\\1", " ".join(comment.split()))

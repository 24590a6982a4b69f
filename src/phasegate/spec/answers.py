"""Answers to the open questions of a spec, as comments that name their question."""

from collections.abc import Sequence

from phasegate.core import one_line

_BETWEEN = " → A: "


def answer_comment(question: str, answer: str) -> str:
    """Return the comment that answers a question at its line.

    >>> answer_comment("Do stopped instances count?", "No.")
    'Q: Do stopped instances count? → A: No.'
    """
    return f"{_asked(question)}{one_line(answer)}"


def read_answer(comment: str, questions: Sequence[str]) -> tuple[str, str] | None:
    """Return the question of a line that a comment there answers, with the answer, or None where it answers none.

    A comment that names no question answers the only one of its line.

    >>> read_answer("Q: Do stopped instances count? → A: No.", ["Since when?", "Do stopped instances count?"])
    ('Do stopped instances count?', 'No.')
    """
    for question in questions:
        if comment.startswith(_asked(question)):
            return question, comment.removeprefix(_asked(question))
    # The spec was edited since the gate was shown: an answer to a question that is gone must not settle the one that is
    # left.
    names_another = comment.startswith("Q: ") and _BETWEEN in comment
    return None if names_another or len(questions) != 1 else (questions[0], comment)


def _asked(question: str) -> str:
    return f"Q: {one_line(question)}{_BETWEEN}"

"""Open questions of a spec: a manager's comment on the line of one is its answer."""

from dataclasses import replace
from typing import Any, cast

from phasegate.authors.author import Brief
from phasegate.authors.model.spec import settled_questions
from unit.authors.sample_spec import FACTS, FOLDER, SPEC

QUESTION = "[NEEDS CLARIFICATION: Do stopped instances count?]"


def brief(*comments: str) -> Brief:
    text = f"{SPEC.rstrip()}\n\n{QUESTION}\n"
    empty = Brief(
        facts=FACTS,
        key="specify/2/1/spec",
        kind=cast(Any, None),
        phase="specify",
        role="product-owner",
        item="spec",
        round=1,
        outputs=(f"{FOLDER}/*",),
        files={f"{FOLDER}/spec.md": text.encode()},
    )
    return replace(empty, comments=comments)


def line() -> int:
    return f"{SPEC.rstrip()}\n\n{QUESTION}\n".split("\n").index(QUESTION) + 1


def text_of(*comments: str) -> str:
    content = settled_questions(brief(*comments)).files[f"{FOLDER}/spec.md"]
    assert content is not None
    return content.decode()


def test_a_comment_on_its_line_answers_a_question() -> None:
    text = text_of(f"{FOLDER}/spec.md:{line()}: No, running ones alone.")
    assert "NEEDS CLARIFICATION" not in text
    assert "Q: Do stopped instances count? → A: No, running ones alone." in text


def test_a_comment_on_another_line_answers_nothing() -> None:
    assert QUESTION in text_of(f"{FOLDER}/spec.md:1: No, running ones alone.", "No, running ones alone.")

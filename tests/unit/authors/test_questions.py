"""Open questions of a spec: a manager's comment on the line of one is its answer."""

from dataclasses import replace
from typing import Any, cast

from phasegate.authors.author import Brief
from phasegate.authors.model.spec import settled_questions
from phasegate.spec import answer_comment
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


TWO = f"{QUESTION} [NEEDS CLARIFICATION: Since when?]"


def both(*comments: str) -> str:
    """The spec's text with two questions on one line, after a round with these comments."""
    text = f"{SPEC.rstrip()}\n\n{TWO}\n"
    asked = replace(brief(*comments), files={f"{FOLDER}/spec.md": text.encode()})
    content = settled_questions(asked).files[f"{FOLDER}/spec.md"]
    assert content is not None
    return content.decode()


def test_of_two_questions_on_a_line_the_one_that_the_answer_names_is_settled() -> None:
    text = both(f"{FOLDER}/spec.md:{line()}: {answer_comment('Since when?', 'Two weeks.')}")
    assert f"{QUESTION} Two weeks." in text
    assert "Q: Since when? → A: Two weeks." in text
    assert both(f"{FOLDER}/spec.md:{line()}: Two weeks.").endswith(f"{TWO}\n")  # which of them is not said


def test_an_answer_to_a_question_that_is_not_asked_any_more_settles_nothing() -> None:
    stale = answer_comment("Who pays?", "We do.")
    assert QUESTION in text_of(f"{FOLDER}/spec.md:{line()}: {stale}")


def test_an_answer_is_text_whatever_is_in_it() -> None:
    odd = r"\1 \g<0> [NEEDS] # Heading"
    assert odd in text_of(f"{FOLDER}/spec.md:{line()}: {answer_comment('Do stopped instances count?', odd)}")
    lines = answer_comment("Do stopped instances count?", "No.\n## Risk\n- **Severity**: low")
    assert "A: No. ## Risk - **Severity**: low" in text_of(f"{FOLDER}/spec.md:{line()}: {lines}")

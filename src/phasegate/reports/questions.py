"""Open questions of a spec at the gate of the phase that asks them, and a manager's answers to them."""

from collections.abc import Mapping, Sequence

from phasegate.app import App
from phasegate.core import InvalidInput
from phasegate.core.report import Report
from phasegate.ledger import Comment, DecisionKind, GateRecord


class Question(Report):
    """An open question of a spec, which a manager answers at the gate."""

    number: int
    """By which an answer names it."""
    path: str
    line: int
    text: str


def questions_at(app: App, gate: GateRecord, spec: str) -> tuple[Question, ...]:
    """Return the questions that a gate's spec leaves open, none at a gate whose authors do not write the spec."""
    if gate.key.phase != app.flow.phase_ids[0]:
        return ()
    from phasegate.spec import parse_spec  # loads what reads Markdown, which lists of gates need none of

    path = f"{spec}/spec.md"
    try:
        found = parse_spec(app.workspace.tree(gate.commit).get(path, b"").decode(), spec).open_questions
    except UnicodeDecodeError:
        return ()
    return tuple(
        Question(number=number, path=path, line=each.line, text=each.text) for number, each in enumerate(found, 1)
    )


def says_of_questions(questions: Sequence[Question]) -> str:
    """Say what can be done about open questions."""
    them, they = ("it", "it is") if len(questions) == 1 else ("them", "they are")
    how = f"Answer {them} with a request for changes."
    return f"{how} The gate is not approved while {they} open, unless you waive {them}."


async def answers_at(app: App, gate: GateRecord, kind: DecisionKind, answers: Mapping[int, str]) -> tuple[Comment, ...]:
    """Return answers to a gate's questions as comments that name them.

    Args:
        app: the repository.
        gate: where the questions are open.
        kind: what is decided.
        answers: by the number of the question; one without text is left out.

    Raises:
        InvalidInput: there is no such question, or the decision asks for no changes.
    """
    given = {number: text.strip() for number, text in answers.items() if text.strip()}
    if not given:
        return ()
    if kind is not DecisionKind.request_changes:
        fix = "request changes: the product owner works the answers in, and the gate opens anew"
        raise InvalidInput(f"'{kind}' takes no answers to questions", fix=fix)
    asked = {each.number: each for each in questions_at(app, gate, (await app.ledger.run(gate.key.run)).spec)}
    unknown = sorted(given.keys() - asked.keys())
    if unknown:
        numbers = f"name one of 1 to {len(asked)}" if asked else "leave the answer out"
        raise InvalidInput(f"gate '{gate.key}' asks no question {unknown[0]}", fix=numbers)
    from phasegate.spec import answer_comment

    return tuple(
        Comment(text=answer_comment(asked[number].text, text), path=asked[number].path, line=asked[number].line)
        for number, text in sorted(given.items())
    )

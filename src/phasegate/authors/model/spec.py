"""Work on a spec that no model does: its questions, answered or open, and what follows from its runbook."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.specify import completed
from phasegate.authors.kinds import runbook_path
from phasegate.core import InvalidInput, one_line
from phasegate.runbooks import load
from phasegate.spec import Note, add_clarification, parse_spec, read_answer

_ANCHORED = re.compile(r"^(?P<path>\S+?):(?P<line>[0-9]+): (?P<text>.*)$", re.DOTALL)
_MARK = re.compile(r"\[NEEDS CLARIFICATION:?\s*([^\]]*)\]")


def settled_questions(brief: Brief) -> Draft:
    """Return the spec's files, each open question that a comment answers as a clarification with that answer."""
    path, spec = f"{brief.facts.spec}/spec.md", brief.facts.spec
    files = {p: text for p, text in brief.files.items() if p.startswith(f"{spec}/")} | dict(brief.handed_in)
    text = files[path].decode()
    asked = parse_spec(text, spec).open_questions
    settled = list(_settled(text, asked, [at for at in map(_place, brief.comments) if at and at[0] == path]))
    for mark, _, answer in sorted(settled, key=lambda each: each[0].start(), reverse=True):
        text = f"{text[: mark.start()]}{answer}{text[mark.end() :]}"
    for _, question, answer in settled:
        text = add_clarification(text, date=brief.facts.date.isoformat(), question=question, answer=answer)
    changed: dict[str, bytes | None] = {**files, path: text.encode()}
    return Draft(files=changed, message=f"what {brief.facts.name} is to do")


def _place(comment: str) -> tuple[str, int, str] | None:
    found = _ANCHORED.match(comment)
    return (found["path"], int(found["line"]), found["text"]) if found else None


def _settled(
    text: str, asked: Sequence[Note], comments: Sequence[tuple[str, int, str]]
) -> Iterator[tuple[re.Match[str], str, str]]:
    """Yield the mark, the question and the answer of each open question that a comment at its line answers."""
    marks = list(_MARK.finditer(text))
    for _, line, comment in comments:
        found = read_answer(comment, [question.text for question in asked if question.line == line])
        mark = found and next((each for each in marks if _is_of(each, text, found[0], line)), None)
        if found and mark:
            marks.remove(mark)
            yield mark, one_line(found[0]), one_line(found[1])


def _is_of(mark: re.Match[str], text: str, question: str, line: int) -> bool:
    """Return whether a mark is that of the question of a passage that begins at the line."""
    return text.count("\n", 0, mark.start()) + 1 >= line and one_line(mark[1]) == one_line(question)


def finished_spec(brief: Brief, draft: Draft, questions: Sequence[str]) -> Draft:
    """Return the draft with its open questions in the spec, and with what follows from a runbook that holds."""
    path, spec = f"{brief.facts.spec}/spec.md", brief.facts.spec
    written = draft.files.get(path)
    if written is None:
        return draft
    text = written.decode()
    known = " ".join(question.text for question in parse_spec(text, spec).open_questions)
    for question in questions:
        if one_line(question) not in known:
            text = f"{text.rstrip()}\n\n[NEEDS CLARIFICATION: {_inside(question)}]\n"
    text = _completed(text, brief, draft.files)
    return replace(draft, files={**draft.files, path: text.encode()}, findings=())


def _completed(text: str, brief: Brief, files: Mapping[str, bytes | None]) -> str:
    source = runbook_path(brief.facts.spec)
    runbook = files.get(source)
    if brief.kind.source == "" or runbook is None:
        return text
    try:
        return completed(text, brief.facts.spec, load(runbook.decode(), source))
    except (InvalidInput, KeyError, UnicodeDecodeError):
        return text  # the lint says why, to the model and then to the manager


def _inside(question: str) -> str:
    return one_line(question).replace("[", "(").replace("]", ")")

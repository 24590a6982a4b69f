"""Work on a spec that no model does: its questions, answered or open, and what follows from its runbook."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.specify import completed
from phasegate.authors.kinds import runbook_path
from phasegate.core import InvalidInput, one_line
from phasegate.runbooks import load
from phasegate.spec import add_clarification, parse_spec

_ANCHORED = re.compile(r"^(?P<path>\S+?):(?P<line>[0-9]+): (?P<text>.*)$", re.DOTALL)
_MARK = re.compile(r"\[NEEDS CLARIFICATION:?[^\]]*\]")


def settled_questions(brief: Brief) -> Draft:
    """Return the spec's files, each open question that a comment answers as a clarification with that answer."""
    path, spec = f"{brief.facts.spec}/spec.md", brief.facts.spec
    files = {p: text for p, text in brief.files.items() if p.startswith(f"{spec}/")} | dict(brief.handed_in)
    text = files[path].decode()
    asked = {question.line: question.text for question in parse_spec(text, spec).open_questions}
    lines = text.split("\n")
    settled: list[tuple[str, str]] = []
    for comment in brief.comments:
        found = _ANCHORED.match(comment)
        question = asked.get(int(found["line"])) if found and found["path"] == path else None
        if found and question is not None:
            number = int(found["line"]) - 1
            lines[number] = _MARK.sub(one_line(found["text"]), lines[number], count=1)
            settled.append((question, found["text"]))
    text = "\n".join(lines)
    for question, answer in settled:
        day = brief.facts.date.isoformat()
        text = add_clarification(text, date=day, question=one_line(question), answer=one_line(answer))
    changed: dict[str, bytes | None] = {**files, path: text.encode()}
    return Draft(files=changed, message=f"what {brief.facts.name} is to do")


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

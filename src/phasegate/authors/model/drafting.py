"""Drafts that a model or an assistant hands in, on top of what the compiler writes of a runbook."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from phasegate.authors.author import Author, Brief, Draft, matches, stray_paths
from phasegate.authors.model.answers import DraftAnswer, responses
from phasegate.authors.model.reviewer import NO_REVIEW
from phasegate.authors.model.spec import finished_spec, settled_questions
from phasegate.authors.trial import Trial, told
from phasegate.core import Finding, InvalidInput, Severity
from phasegate.runbooks.compiler.agreement import CHECK as AGREEMENT

_SPEC = "spec"
ADVICE = "Nothing blocks, but prose and runbook.yaml differ or are not compared. You are told once; mend what you can:"
"""First line of what an author is told once about a spec that could be taken."""
_ANSWERED = "Answered in the first round."
_UNANSWERED = "No answer was given."
_MOST_FAULTS = 20
_QUESTION = "needs-clarification"
OF_A_PERSON = (NO_REVIEW, _QUESTION, "open-question")
"""Rules of findings that only a person settles, at the gate."""


@dataclass(frozen=True, kw_only=True)
class Drafting:
    """A draft in the making."""

    brief: Brief
    start: Draft
    """What the compiler writes of the item, or for a spec what stands there with the manager's answers."""
    trial: Trial | None = None
    """Runs the tests of what is handed in only with passing ones."""
    finished: Draft | None = None
    """The draft, where nobody has to write anything."""
    _last: "list[_Attempt]" = field(default_factory=list, compare=False, repr=False)
    """The newest answer with what it makes: lint and advice ask for it before it is handed in."""

    @classmethod
    async def begin(cls, brief: Brief, compiler: Author, trial: Trial | None = None) -> "Drafting":
        """Return the beginning of a draft.

        Raises:
            InvalidInput: the brief cannot be met.
        """
        if brief.item in brief.kind.built:
            draft = await compiler.draft(brief)
            return cls(brief=brief, start=draft, finished=draft)
        start = await _start(brief, compiler)
        answers = (_ANSWERED,) * len(brief.comments)
        done = Draft(files={}, message=start.message, answers=answers) if _has_nothing_to_do(brief) else None
        return cls(brief=brief, start=start, trial=trial, finished=done)

    @property
    def files(self) -> Mapping[str, bytes]:
        """The artifacts so far, with those that the compiler wrote."""
        return {**self.brief.files, **{path: text for path, text in self.start.files.items() if text is not None}}

    async def faults(self, answer: DraftAnswer) -> str:
        """Return faults that whoever wrote the answer can mend at once, one a line."""
        brief = self.brief
        paths = [file.path for file in answer.files]
        faults = [found.message for found in stray_paths(brief, paths)]
        faults += [f"'{path}' stands there twice" for path in sorted({path for path in paths if paths.count(path) > 1})]
        missing = [number for number, text in enumerate(responses(answer, len(brief.comments)), 1) if not text]
        faults += [f"comment {number} has no answer under `answers`" for number in missing]
        if not faults and brief.item == _SPEC:
            faults = self._lint(answer)
        if not faults and self.trial and self.tested:
            return await self._tested(self.trial, answer)
        return "\n".join(f"- {fault}" for fault in faults[:_MOST_FAULTS])

    def advice(self, answer: DraftAnswer) -> str:
        """Return where a spec and its runbook differ or were not compared, empty where nothing is to be said."""
        if self.brief.item != _SPEC:
            return ""
        lines = [_line(finding) for finding in self._found(answer) if finding.check == AGREEMENT]
        return "\n".join((ADVICE, *(f"- {line}" for line in lines[:_MOST_FAULTS]))) if lines else ""

    @property
    def tested(self) -> bool:
        """Return whether the item is handed in only with passing tests."""
        return self.trial is not None and self.brief.item in self.brief.kind.tried

    async def _tested(self, trial: Trial, answer: DraftAnswer) -> str:
        """Return how the tests of a tree with the answer's files ended, empty where they passed."""
        handed = {file.path: _text(file.text) for file in answer.files}
        files = {**self.brief.files, **handed}
        assert self.trial is not None
        report = await self.trial.run(self.brief.kind, self.brief.facts, files)
        return "" if report.ok else f"the tests do not pass:\n{told(report)}"

    def written(self, answer: DraftAnswer) -> Draft:
        """Return the draft that an answer makes."""
        return self._attempt(answer).draft

    def _attempt(self, answer: DraftAnswer) -> "_Attempt":
        if not (self._last and self._last[0].answer == answer):
            self._last[:] = [_Attempt(answer, self._written(answer))]
        return self._last[0]

    def _written(self, answer: DraftAnswer) -> Draft:
        brief = self.brief
        handed = {file.path: _text(file.text) for file in answer.files}
        answers = tuple(text or _UNANSWERED for text in responses(answer, len(brief.comments)))
        draft = Draft(
            files={**self.start.files, **handed},
            message=self.start.message,
            answers=answers,
            findings=tuple(_question(brief, question) for question in answer.open_questions),
        )
        return finished_spec(brief, draft, answer.open_questions) if brief.item == _SPEC else draft

    def _lint(self, answer: DraftAnswer) -> list[str]:
        """Return what lint, type inference and a dry compile object to in the spec."""
        try:
            found = self._found(answer)
        except (InvalidInput, KeyError) as error:
            fix = f" ({error.fix})" if isinstance(error, InvalidInput) else ""
            return [f"{error}{fix}"]
        return [_line(finding) for finding in found if finding.blocking and not _is_question(finding)]

    def _found(self, answer: DraftAnswer) -> list[Finding]:
        """Return the findings about a spec as an answer would leave it."""
        attempt, spec = self._attempt(answer), self.brief.facts.spec
        if attempt.findings is None:
            written = {path: text for path, text in attempt.draft.files.items() if text is not None}
            attempt.findings = self.brief.kind.lint(_folder({**self.files, **written}, spec), spec)
        return attempt.findings


@dataclass
class _Attempt:
    answer: DraftAnswer
    draft: Draft
    findings: list[Finding] | None = None
    """What lint finds in the spec, where it was asked."""


async def _start(brief: Brief, compiler: Author) -> Draft:
    if brief.item == _SPEC:
        return settled_questions(brief)
    if brief.item not in brief.kind.compiled:
        return Draft(files={}, message=f"{brief.item} of {brief.facts.name}")
    return await compiler.draft(replace(brief, comments=()))


def _folder(files: Mapping[str, bytes], spec: str) -> dict[str, bytes]:
    return {path: text for path, text in files.items() if path.startswith(f"{spec}/")}


def _line(finding: Finding) -> str:
    fix = f" ({finding.fix})" if finding.fix else ""
    return f"{finding.where}: {finding.message}{fix}"


def _is_question(finding: Finding) -> bool:
    """Return whether a finding is a question that the manager answers at the gate."""
    return finding.rule == _QUESTION


def _has_nothing_to_do(brief: Brief) -> bool:
    """Return whether a round of rework is about other authors' files, or about what only a person settles."""
    if brief.round == 1:
        return False
    mine = [f for f in brief.findings if f.rule not in OF_A_PERSON and (matches(f.path, brief.outputs) or not f.path)]
    return not mine


def _text(text: str) -> bytes:
    return (text.rstrip("\n") + "\n").encode()


def _question(brief: Brief, question: str) -> Finding:
    return Finding(
        check=f"draft-{brief.item}",
        rule="open-question",
        severity=Severity.medium,
        path=brief.facts.spec,
        message=question,
        fix="answer it in a comment, or approve what was written without it",
    )

"""The product owner's part of a run: drafts of a sentence, until nothing blocks or the rounds of the phase end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from phasegate.authors import Author, Brief, CheckReviewer, Facts, Subject, stray_paths
from phasegate.authors.kinds import kind_of, runbook_path
from phasegate.authors.model.drafting import OF_A_PERSON
from phasegate.core import Finding
from phasegate.evaluation.suite import NOW, Intent
from phasegate.runbooks.compiler.agreement import UNTESTABLE
from phasegate.scaffold import next_folder
from phasegate.scaffold.target import intent_spec, name_of
from phasegate.spec import parse_spec
from phasegate.team import Flow

_PROJECT, _PACKAGE = "acme-runbooks", "acme_runbooks"


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """Draft of a sentence, after the last round."""

    runbook: str
    findings: tuple[Finding, ...]
    """What blocks still, questions to a person left out."""
    untestable: int
    """Number of criteria that no test can show."""
    questions: tuple[str, ...]
    """Open questions of the spec."""


@dataclass(frozen=True, kw_only=True)
class Specify:
    """The first phase of a workflow, with whoever drafts in it and the checks that judge there."""

    flow: Flow
    author: Author
    checks: CheckReviewer

    async def draft(self, intent: Intent) -> Drafted:
        """Have a sentence drafted as a run has it.

        Raises:
            Parked: a limit was reached, or no answer could be used.
            ModelFailed: the provider did not answer.
        """
        facts, files = facts_of(intent), first_files(intent)
        findings, untestable = tuple[Finding, ...](), 0
        for number in range(1, self.flow.phases[0].max_rounds + 1):
            brief = brief_of(self.flow, facts, number, files, findings)
            draft = await self.author.draft(brief)
            draft = draft.without({finding.path for finding in stray_paths(brief, draft.files)})
            files |= {path: text for path, text in draft.files.items() if text is not None}
            found = await self._judged(brief, files)
            # A run would wait for a person here, and an evaluation has none.
            findings = tuple(finding for finding in found if finding.blocking and finding.rule not in OF_A_PERSON)
            untestable = sum(finding.rule == UNTESTABLE for finding in found)
            if not findings:
                break
        return Drafted(
            runbook=files.get(runbook_path(facts.spec), b"").decode("utf-8", "replace"),
            findings=findings,
            untestable=untestable,
            questions=_questions(files, facts.spec),
        )

    async def _judged(self, brief: Brief, files: Mapping[str, bytes]) -> list[Finding]:
        """Return the findings of the phase's checks, and of those of its reviewers."""
        phase = self.flow.phases[0]
        subject = Subject(
            facts=brief.facts,
            key=f"{brief.key}/checks",
            kind=brief.kind,
            phase=phase.id,
            checks=tuple(dict.fromkeys((*phase.checks, *(name for row in phase.reviews for name in row.checks)))),
            tree="",
            files=files,
            since=brief.files,
        )
        return [finding for report in await self.checks.review(subject) for finding in report.findings]


def brief_of(
    flow: Flow, facts: Facts, number: int, files: Mapping[str, bytes], findings: tuple[Finding, ...] = ()
) -> Brief:
    """Return the order for a round of the first phase.

    Args:
        flow: the workflow.
        facts: of the run.
        number: of the round, from 1.
        files: the artifacts so far.
        findings: what blocked in the round before.
    """
    phase = flow.phases[0]
    row = phase.authors[0]
    return Brief(
        facts=facts,
        key=f"{phase.id}/1/{number}/{row.item}",
        kind=kind_of(files, facts.spec),
        phase=phase.id,
        role=row.role,
        item=row.item,
        round=number,
        outputs=facts.paths(row.artifacts),
        files=dict(files),
        reads=row.reads,
        findings=findings,
    )


def first_files(intent: Intent) -> dict[str, bytes]:
    """Return the files of the run that an intent would be, which are its sentence alone."""
    facts = facts_of(intent)
    return {f"{facts.spec}/spec.md": intent_spec(facts.spec, intent.sentence, today=facts.date.isoformat())}


def facts_of(intent: Intent) -> Facts:
    """Return the facts of the run that an intent would be."""
    return Facts(
        run=f"eval-{intent.id}",
        spec=next_folder(name_of(intent.sentence), {}),
        project=_PROJECT,
        package=_PACKAGE,
        started_at=datetime.fromisoformat(NOW),
    )


def _questions(files: Mapping[str, bytes], spec: str) -> tuple[str, ...]:
    text = files[f"{spec}/spec.md"].decode("utf-8", "replace")
    return tuple(question.text for question in parse_spec(text, spec).open_questions)

"""Reviewer that adds a chat model's findings to those of its checks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from phasegate.authors.model.answers import FoundFinding, ReviewAnswer
from phasegate.authors.model.conversation import NoAnswer, Worker
from phasegate.authors.model.material import review_variables
from phasegate.authors.model.toolbox import RoleToolbox, Toolboxes
from phasegate.authors.review import Report, Reviewer, Subject
from phasegate.authors.role_tools import ToolAccess, place_of
from phasegate.core import Finding, Severity
from phasegate.models import Scope
from phasegate.team import REVIEW, Card

NO_REVIEW = "no-review"
"""Rule of the finding that stands where nobody could review."""


@dataclass(frozen=True, kw_only=True)
class ModelReviewer:
    """Has a chat model judge beside the checks, none of whose findings it removes."""

    worker: Worker
    checks: Reviewer
    tools: ToolAccess | None = None
    """Tools that roles may call; None: the model is offered none."""

    async def review(self, subject: Subject) -> Sequence[Report]:
        """Return the reports of the checks, and one with the model's findings.

        Raises:
            Parked: a limit was reached.
        """
        try:
            async with asyncio.TaskGroup() as group:
                checked = group.create_task(self.checks.review(subject))
                judged = group.create_task(self._judged(subject))
        except ExceptionGroup as errors:
            # A run is parked by the error itself, not by a group that holds it.
            raise errors.exceptions[0] from errors
        return [*checked.result(), judged.result()]

    async def _judged(self, subject: Subject) -> Report:
        scope = Scope(run=subject.facts.run, role=self.worker.card.name, key=subject.key)
        run, role = subject.facts.run, self.worker.card.name
        own = [RoleToolbox(self.tools.tools(run, role, place_of(subject.key)))] if self.tools else []
        tools = Toolboxes(own)
        names = [spec.name for spec in await tools.specs()]
        messages = self.worker.messages(subject, REVIEW, {**review_variables(subject), "tools": names})
        sent_back: list[str] = []
        try:
            answer = await self.worker.answer(scope, messages, ReviewAnswer, _nothing_wrong, tools, sent_back.append)
        except NoAnswer as error:
            return await self._report(scope, (_no_review(self.worker.card, subject, error),))
        findings = tuple(finding(self.worker.card.name, found, subject) for found in answer.findings)
        return await self._report(scope, findings, sent_back)

    async def _report(self, scope: Scope, findings: tuple[Finding, ...], sent_back: Sequence[str] = ()) -> Report:
        model, count = self.worker.model.name, len(findings)
        spent = await self.worker.meter.spent_on(scope)
        evidence = f"{model}: {count} finding{'s' * (count != 1)}"
        return Report(findings=findings, evidence=evidence, model=model, spent=spent, sent_back=tuple(sent_back))


async def _nothing_wrong(_: ReviewAnswer) -> str:
    return ""


def _no_review(card: Card, subject: Subject, error: NoAnswer) -> Finding:
    """Return the finding that keeps a gate from being passed by approval alone where nobody reviewed."""
    return Finding(
        check=f"review-{card.name}",
        rule=NO_REVIEW,
        severity=Severity.high,
        path=subject.facts.spec,
        message=str(error),
        fix="review it yourself and waive this finding, or request changes: then it is asked again",
    )


def finding(role: str, found: FoundFinding, subject: Subject) -> Finding:
    """Return a finding about an artifact that exists: what names another one is about the spec's folder."""
    exists = found.path in subject.files
    lines = subject.files[found.path].count(b"\n") + 1 if exists else 0
    return Finding(
        check=f"review-{role}",
        rule=found.rule,
        severity=Severity(found.severity),
        path=found.path if exists else subject.facts.spec,
        line=found.line if found.line <= lines else 0,
        requirement=found.requirement,
        message=found.message if exists else f"{found.path}: {found.message}",
        fix=found.fix,
    )

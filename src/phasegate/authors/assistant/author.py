"""Author and reviewer that a team's own assistant works as."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from phasegate.authors.assistant.items import Order, WorkItems
from phasegate.authors.author import Author, Brief, Draft, NotReady
from phasegate.authors.model.answers import DraftAnswer, ReviewAnswer
from phasegate.authors.model.drafting import Drafting
from phasegate.authors.model.material import review_variables, variables
from phasegate.authors.model.reviewer import finding
from phasegate.authors.review import Report, Reviewer, Subject
from phasegate.authors.trial import Trial
from phasegate.team import REVIEW, Card, Team


@dataclass(frozen=True, kw_only=True)
class AssistantAuthor:
    """Has an assistant write what a brief asks for, held to the same shape, limits and checks as a model."""

    card: Card
    team: Team
    items: WorkItems
    compiler: Author
    trial: Trial | None = None
    """Runs tests; None: nothing is written whose tests have to pass."""

    async def draft(self, brief: Brief) -> Draft:
        """Return the assistant's draft.

        Raises:
            NotReady: nobody has handed it in yet.
            InvalidInput: the brief cannot be met.
        """
        drafting = await Drafting.begin(brief, self.compiler, self.trial)
        if drafting.finished:
            return drafting.finished
        parts = self.team.prompt(
            self.card.name, brief.phase, kind=brief.kind.prompts, **variables(brief, drafting.files)
        )
        order = Order(
            run=brief.facts.run,
            key=brief.key,
            role=brief.role,
            task="draft",
            instructions="\n".join(parts),
            outputs=brief.outputs,
        )
        answer = cast(DraftAnswer | None, await self.items.answer(order))
        if answer is None:
            raise NotReady(brief.key, brief.role)
        faults = await drafting.faults(answer)
        if faults and await self.items.refuse(order, faults):
            raise NotReady(brief.key, brief.role)
        await self.items.accept(order)
        return replace(drafting.written(answer), model="assistant")


@dataclass(frozen=True, kw_only=True)
class AssistantReviewer:
    """Adds an assistant's findings to those of the checks."""

    card: Card
    team: Team
    items: WorkItems
    checks: Reviewer

    async def review(self, subject: Subject) -> Sequence[Report]:
        """Return the reports of the checks, and one with the assistant's findings.

        Raises:
            NotReady: nobody has handed them in yet.
        """
        parts = self.team.prompt(
            self.card.name, subject.phase, task=REVIEW, kind=subject.kind.prompts, **review_variables(subject)
        )
        order = Order(
            run=subject.facts.run,
            key=subject.key,
            role=self.card.name,
            task="review",
            instructions="\n".join(parts),
        )
        answer = cast(ReviewAnswer | None, await self.items.answer(order))
        if answer is None:
            raise NotReady(subject.key, self.card.name)  # before the checks run, which would run again
        await self.items.accept(order)
        findings = tuple(finding(self.card.name, found, subject) for found in answer.findings)
        count = len(findings)
        evidence = f"an assistant as {self.card.name}: {count} finding{'s' * (count != 1)}"
        return [*await self.checks.review(subject), Report(findings=findings, evidence=evidence)]

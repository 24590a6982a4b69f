"""Makers of the authors and reviewers of roles: the compiler, a chat model or the assistant, as cards say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from phasegate.authors import Author, CheckReviewer, Deliverable, Reviewer, ToolAccess
from phasegate.authors.kinds import PACKAGE, RUNBOOK, RUNBOOK_FILE, runbook_path
from phasegate.authors.recorded_tools import RecordingTools, ReplayTools
from phasegate.core import InvalidInput
from phasegate.models import ChatModel, Meter, RecordedModel, Recording, RecordingModel, ReplayModel
from phasegate.models.settings import Models
from phasegate.team import ASSISTANT, COMPILER, RECORDED, Card, Flow, Team

if TYPE_CHECKING:
    from phasegate.authors.assistant import WorkItems
    from phasegate.authors.trial import Trial
    from phasegate.release import Builder  # what builds and signs is needed by none that only reads


_OF_CODE = (RUNBOOK.name, PACKAGE.name)
"""Kinds whose files a workflow names, so that one cannot go through the workflow of the other."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Parts of an engine that authors and reviewers are made of."""

    builder: "Builder"
    meter: Meter
    team: Team
    items: "WorkItems"
    trial: "Trial"
    tools: ToolAccess | None = None
    """Tools that models are offered as the roles that may call them; None: no model is."""

    async def forget(self, run: str, waited_for: Collection[str]) -> None:
        """Delete what authors and reviewers kept of a run that is not worked on.

        Args:
            run: whose.
            waited_for: keys of the drafts and reviews that it waits for.
        """
        await self.meter.forget(run)
        # Before they are forgotten, since only closed orders are.
        await self.items.supersede(run, waited_for)
        await self.items.forget(run)


class Roles(Protocol):
    """Makes the author and the reviewer of a role from its card."""

    def writes(self, card: Card, kind: Deliverable, item: str) -> bool:
        """Return whether the card's author can write an item of that kind of deliverable, without loading it."""

    def completes(self, card: Card) -> bool:
        """Return whether the card's author can make a spec of a sentence."""

    def author(self, card: Card, parts: Parts) -> Author:
        """Return the card's author, bound by the card's limits."""

    def reviewer(self, card: Card, checks: CheckReviewer, parts: Parts) -> Reviewer:
        """Return the card's reviewer, which gives the reports of the checks and may add its own."""


class CompilerRoles:
    """Has the compiler write for every role, and the checks judge."""

    def writes(self, card: Card, kind: Deliverable, item: str) -> bool:
        """Return whether the compiler makes the item."""
        return item in kind.compiled

    def completes(self, card: Card) -> bool:
        """Return False: the compiler builds from what is said exactly."""
        return False

    def author(self, card: Card, parts: Parts) -> Author:
        """Return the compiler."""
        from phasegate.authors.compiler import Compiler  # takes a second to load, which only a worker has to

        return Compiler(parts.builder)

    def reviewer(self, card: Card, checks: CheckReviewer, parts: Parts) -> Reviewer:
        """Return the checks."""
        return checks


@dataclass(frozen=True, kw_only=True)
class TeamRoles:
    """Has each role work as its card says."""

    settings: Models
    """How models are called."""
    models: Mapping[str, ChatModel] = field(default_factory=dict)
    """Models by name that are used in place of a provider's, such as doubles."""
    record: Recording | None = None
    """Where every reply of a chat model is kept."""
    replay: Recording | None = None
    """Replies that are given in place of calls; no other model is asked."""
    compiler: Roles = field(default_factory=CompilerRoles)
    folder: Path = field(default_factory=Path)
    """Top of the repository, from where recordings are named."""

    def writes(self, card: Card, kind: Deliverable, item: str) -> bool:
        """Return whether the role's author can write an item of that kind."""
        return self.compiler.writes(card, kind, item) or (card.model != COMPILER and item not in kind.built)

    def completes(self, card: Card) -> bool:
        """Return whether a model works as the role."""
        return card.model != COMPILER

    def author(self, card: Card, parts: Parts) -> Author:
        """Return the compiler, or an author that the role's chat model works as."""
        compiler = self.compiler.author(card, parts)
        if card.model == COMPILER:
            return compiler
        if card.model == ASSISTANT:
            from phasegate.authors.assistant import AssistantAuthor

            return AssistantAuthor(card=card, team=parts.team, items=parts.items, compiler=compiler, trial=parts.trial)
        from phasegate.authors.model import ModelAuthor, Worker

        worker = Worker(card=card, model=self._chat(card), meter=parts.meter, team=parts.team)
        return ModelAuthor(worker=worker, compiler=compiler, trial=parts.trial, tools=self._tools(parts))

    def reviewer(self, card: Card, checks: CheckReviewer, parts: Parts) -> Reviewer:
        """Return the checks, beside them the role's chat model where it has one."""
        if card.model == COMPILER:
            return checks
        if card.model == ASSISTANT:
            from phasegate.authors.assistant import AssistantReviewer

            return AssistantReviewer(card=card, team=parts.team, items=parts.items, checks=checks)
        from phasegate.authors.model import ModelReviewer, Worker

        worker = Worker(card=card, model=self._chat(card), meter=parts.meter, team=parts.team)
        return ModelReviewer(worker=worker, checks=checks, tools=self._tools(parts))

    @property
    def dated(self) -> datetime | None:
        """Return when a recorded run began, by which its replay is dated, too."""
        recording = self.replay or self.record
        return recording.started_at if recording else None

    def _tools(self, parts: Parts) -> ToolAccess | None:
        if self.replay:
            return ReplayTools(recording=self.replay)
        return RecordingTools(inner=parts.tools, recording=self.record) if self.record and parts.tools else parts.tools

    def _chat(self, card: Card) -> ChatModel:
        name = card.model
        if self.replay:
            return ReplayModel(self.replay, name)
        model = self.models.get(name) or self._provider(name)
        return RecordingModel(model, self.record) if self.record else model

    def _provider(self, name: str) -> ChatModel:
        if name.startswith(RECORDED):
            return RecordedModel(Recording.read(self.folder / name.removeprefix(RECORDED)), name)
        settings = self.settings
        from phasegate.models.langchain import LangChainModel, Settings  # loads the library of models

        return LangChainModel(
            name=name,
            settings=Settings(
                attempts=settings.attempts,
                seconds=settings.seconds,
                native=settings.native,
                options=settings.options_of(name),
            ),
        )


def unwritten(roles: Roles, cards: Mapping[str, Card], flow: Flow, kind: Deliverable) -> list[str]:
    """Return the items of a workflow that no author can write of a deliverable of that kind, each with its role."""
    return [
        f"'{row.item}' ({row.role})"
        for phase in flow.phases
        for row in phase.authors
        if not roles.writes(cards[row.role], kind, row.item)
    ]


def require_authors(roles: Roles, cards: Mapping[str, Card], flow: Flow, kind: Deliverable, spec: str) -> None:
    """Refuse a spec that the team cannot write.

    Raises:
        InvalidInput: no author of a role can write what the workflow asks of it.
    """
    missing = unwritten(roles, cards, flow, kind)
    if kind.name != flow.deliverable and flow.deliverable in _OF_CODE and kind.name in _OF_CODE:
        raise InvalidInput(
            f"'{spec}' is a {kind.name}, and the workflow '{flow.name}' is for a {flow.deliverable}",
            fix=f"write '**Deliverable**: {flow.deliverable}' below its title, or set [work] flow in phasegate.toml",
        )
    if not missing:
        return
    if kind.tried:
        role = next(row.role for phase in flow.phases for row in phase.authors)
        raise InvalidInput(
            f"no compiler writes {', '.join(missing)} of the {kind.name} '{spec}'",
            fix=f'have a model or an assistant work: [roles.{role}] model = "…", or [work] model = "…" for all roles',
        )
    if kind.source:
        message = f"no author can write {', '.join(missing)} of the {kind.name} '{spec}'"
        items = ", ".join(sorted(kind.compiled))
        raise InvalidInput(message, fix=f"give items in graphs/{flow.name}.yaml that the compiler writes: {items}")
    message = f"'{spec}' has no {RUNBOOK_FILE}, and of a {kind.name} no author can write {', '.join(missing)}"
    raise InvalidInput(message, fix=f"add {runbook_path(spec)} (docs/runbook-language.md): the compiler builds from it")

"""Inputs of authors and reviewers, read from the run, its tree and its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from phasegate.authors import Brief, Deliverable, Facts, Observations, Subject, matches
from phasegate.core import Finding
from phasegate.ledger import Comment, GateKey, Ledger
from phasegate.ledger.events import CheckReported, Judgement, Observed, ReviewReported
from phasegate.team import Author, Flow, Phase, Review
from phasegate.workflow.engine.release_line import Line
from phasegate.workflow.reports import findings_of
from phasegate.workflow.state import RunState, round_key
from phasegate.workspace import Workspace


class RunFiles(Protocol):
    """Files of the user's folder and of the index that a run reads."""

    async def facts(self, run_id: str) -> Facts:
        """Return the unchanging facts of a run."""

    async def kind(self, run_id: str) -> Deliverable:
        """Return the kind of deliverable that was handed in when the run began, for the whole run."""

    async def handed_in(self, run_id: str, attempt: int) -> Mapping[str, bytes]:
        """Return the files of the spec's folder that the user wrote since the attempt before, the same at each call."""

    async def versions(self) -> frozenset[str]:
        """Return the versions that the package index holds files of."""


class Observer(Protocol):
    """Looks at the world in the name of a role, before it drafts or reviews."""

    async def observe(self, facts: Facts, role: str, place: str, files: Mapping[str, bytes]) -> Mapping[str, Any]:
        """Return an observation as JSON, or the reason why there is none.

        Args:
            facts: of the run.
            role: in whose name.
            place: phase, attempt and round, for events of tool calls.
            files: the artifacts so far.
        """


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Reads what one draft or review is given."""

    flow: Flow
    ledger: Ledger
    workspace: Workspace
    run_files: RunFiles
    observers: Mapping[str, Observer]
    """By the name of the look; nobody takes a look that is not here."""

    async def brief(self, state: RunState, phase: Phase, row: Author) -> Brief:
        """Return what one author of a phase is asked for."""
        facts, first = await self.run_files.facts(state["run"]), phase.id == self.flow.phase_ids[0]
        return Brief(
            facts=facts,
            key=f"{round_key(state)}/{row.item}",
            kind=await self.run_files.kind(state["run"]),
            phase=phase.id,
            role=row.role,
            item=row.item,
            round=state["round"],
            outputs=facts.paths(row.artifacts),
            files=self.workspace.tree(state["commit"]),
            reads=row.reads,
            # Version and changelog follow from what differs to the newest release, which another run may have made
            # after this one began (decision 0020).
            base=self.workspace.tree(state.get("line") or state["base"]),
            taken=await self._taken(phase),
            # A rework builds on the draft before it: taking the user's files in again would undo what that draft made
            # of the manager's comments (decision 0002).
            handed_in=await self.run_files.handed_in(state["run"], state["attempt"])
            if first and state["round"] == 1
            else {},
            findings=await self._findings(state),
            comments=await self._comments(state, phase, row, facts),
            observations=await self._observations(state, row),
        )

    async def subject(self, state: RunState, name: str, row: Review | None = None) -> Subject:
        """Return what a check of the phase, or one of its reviewers, judges.

        Args:
            state: of the run.
            name: of the check or of the reviewer's role.
            row: the reviewer; None: it is a check.
        """
        return Subject(
            facts=await self.run_files.facts(state["run"]),
            key=f"{round_key(state)}/{name}",
            kind=await self.run_files.kind(state["run"]),
            phase=state["phase"],
            checks=row.checks if row else (name,),
            tree=self.workspace.tree_id(state["commit"]),
            files=self.workspace.tree(state["commit"]),
            since=self.workspace.tree(state["since"]),
            observations=await self._observations(state, row) if row else {},
            **(await self._earlier(state, row) if row else {}),
            passed={} if row else await self._passed(state, name),
        )

    async def _earlier(self, state: RunState, row: Review) -> dict[str, Any]:
        """Return what a reviewer needs of its round before, and of the manager's comments."""
        phase, facts = self.flow.phase(state["phase"]), await self.run_files.facts(state["run"])
        asked = [comment for author in phase.authors for comment in await self._comments(state, phase, author, facts)]
        found: dict[str, Any] = {"reads": row.reads, "comments": tuple(asked)}
        if state["round"] == 1:
            return found
        before = (phase.id, state["attempt"], state["round"] - 1, row.role)
        for review in await self.ledger.events_of(state["run"], ReviewReported):
            if (review.phase, review.attempt, review.round, review.reviewer) == before:
                found |= {"earlier": self.workspace.tree(review.tree), "findings": review.findings}
        return found

    async def _taken(self, phase: Phase) -> frozenset[str]:
        if not phase.releases:
            return frozenset()
        released = Line(workspace=self.workspace, ledger=self.ledger).versions
        return released | await self.run_files.versions()

    async def _observations(self, state: RunState, row: Author | Review) -> Observations:
        return {look: await self._observed(state, row.role, look) for look in row.looks if look in self.observers}

    async def _observed(self, state: RunState, role: str, look: str) -> Mapping[str, Any]:
        """Look once an attempt and keep what was seen: after a crash the role reads what it read before."""
        run, key = state["run"], f"{state['phase']}/{state['attempt']}/{look}/{role}"
        # Kept as effects are: an author that drafts again after a crash must be told the same, or one attempt would
        # have two drafts.
        start = await self.ledger.begin_effect(run, key, [])
        if start.done is not None:
            return start.done
        facts, files = await self.run_files.facts(run), self.workspace.tree(state["commit"])
        seen = dict(await self.observers[look].observe(facts, role, round_key(state), files))
        event = Observed(phase=state["phase"], attempt=state["attempt"], look=look, role=role, seen=seen)
        await self.ledger.effect_done(run, key, seen, event)
        return seen

    async def _passed(self, state: RunState, check: str) -> Mapping[str, str]:
        """Return what a check showed earlier in the run, for the phase that releases.

        Raises:
            Refused: `record_broken`, since a chain of events that does not hold proves nothing.
        """
        if not self.flow.phase(state["phase"]).releases:
            return {}
        checks = await self.ledger.events_of(state["run"], CheckReported)
        return {each.inputs: each.saw for each in checks if each.check == check and each.inputs and not each.findings}

    async def _findings(self, state: RunState) -> tuple[Finding, ...]:
        if (state["attempt"], state["round"]) == (1, 1):
            return ()
        reports = await self.ledger.events_of(state["run"], Judgement)
        return tuple(findings_of(reports, state["phase"], state["attempt"]))

    async def _comments(self, state: RunState, phase: Phase, row: Author, facts: Facts) -> tuple[str, ...]:
        for attempt in range(state["attempt"] - 1, 0, -1):
            decision = await self.ledger.decision(GateKey(state["run"], phase.id, attempt))
            if decision:  # a gate that was void has none: what was asked for before it still is
                comments = decision.statement.comments
                return tuple(_anchored(comment) for comment in comments if _addressee(comment, phase, facts) == row)
        return ()


def _addressee(comment: Comment, phase: Phase, facts: Facts) -> Author:
    """Return the author of the file that a comment is anchored to, else the phase's first author."""
    owners = (row for row in phase.authors if comment.path and matches(comment.path, facts.paths(row.artifacts)))
    return next(owners, phase.authors[0])


def _anchored(comment: Comment) -> str:
    where = f"{comment.path}:{comment.line}" if comment.line else comment.path
    return f"{where}: {comment.text}" if where else comment.text

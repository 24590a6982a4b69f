"""Bodies of the graph's nodes: each reads the state, calls one thing and returns an update."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast

from langgraph.types import Interrupt, Overwrite, interrupt

from phasegate.authors import Author, Brief, CheckReviewer, Draft, NotReady, Report, Reviewer, Subject, stray_paths
from phasegate.core import Finding, PhasegateError, Refused, one_line
from phasegate.ledger import Ledger, OpenResult
from phasegate.ledger.events import (
    CheckReported,
    CommitsSetAside,
    Drafted,
    EffectDone,
    Judgement,
    ModelCalled,
    ReviewReported,
    RoundStarted,
)
from phasegate.team import Flow, Phase
from phasegate.workflow.branches import put_back
from phasegate.workflow.engine.effect import Effect, Outcome
from phasegate.workflow.engine.graph import Node
from phasegate.workflow.engine.inputs import Inputs, Observer, RunFiles
from phasegate.workflow.engine.releasing import CHECK, STALE, Releasing
from phasegate.workflow.gates.gatekeeper import Gatekeeper
from phasegate.workflow.state import RunState, round_of
from phasegate.workspace import Signature, Workspace

_WORK = "work/"
"""Beginning of an interrupt that waits for a draft or a review."""
_Judged = Callable[..., Judgement]
T = TypeVar("T")
_MOST_OF_FAULT = 300
"""Characters of a fault that an event keeps."""


@dataclass(frozen=True, kw_only=True)
class TeamNodes:
    """Nodes of a team at work."""

    flow: Flow
    ledger: Ledger
    workspace: Workspace
    authors: Mapping[str, Author]
    """By role."""
    reviewers: Mapping[str, Reviewer]
    """By role."""
    checks: CheckReviewer
    """Judges what a phase has checked in nobody's name."""
    effect_bodies: Mapping[str, Effect]
    gatekeeper: Gatekeeper
    run_files: RunFiles
    observers: Mapping[str, Observer] = field(default_factory=dict)
    """By the name of the look, such as `inventory`."""

    def begin(self, phase: Phase) -> Node:
        """Count the attempt and the round, and record that the round begins."""

        async def begin(state: RunState) -> dict[str, Any]:
            update = _counted(state, phase)
            started = RoundStarted(phase=phase.id, attempt=update["attempt"], round=update["round"])
            await self.ledger.record(state["run"], started)
            # Both channels join the updates of nodes that run side by side, so an empty update would leave in what the
            # round before said: only `Overwrite` empties them.
            return {**update, "phase": phase.id, "drafts": Overwrite({}), "blocking": Overwrite({}), "outcome": ""}

        return begin

    def draft(self, phase: Phase) -> Node:
        """Have one author write, and commit what it may write in the role's name."""
        rows = {author.item: author for author in phase.authors}

        async def draft(state: dict[str, Any]) -> dict[str, Any]:
            row, began, run_state = rows[state["item"]], time.monotonic(), cast(RunState, state)
            # Graph state is a file: an author who is asked behind a gate that nobody passed has to be refused here.
            await self.gatekeeper.require_passed(state["run"], self.gatekeeper.earlier(phase.id))
            brief = await self._inputs.brief(run_state, phase, row)
            result = await _handed_in(partial(self.authors[row.role].draft, brief))
            _require_answers(brief, result)
            strays = list(stray_paths(brief, result.files))
            await self._record_findings(run_state, brief, [*strays, *result.findings])
            # Left out of the commit and not only reported: a waiver excuses the finding, and must not let the file in
            # (decision 0034).
            result = result.without({finding.path for finding in strays})
            commit = self._commit(run_state, brief, result)
            drafted = _drafted(run_state, brief, result, began)
            paid = _paid(run_state, brief.role, brief.item, result)
            await self.ledger.record(state["run"], *paid, drafted)
            return {"drafts": {row.item: commit}, **_blocking(f"draft-{row.item}", [*strays, *result.findings])}

        return draft

    def join(self, phase: Phase) -> Node:
        """Put the authors' commits together and move the run's branch there."""

        async def join(state: RunState) -> dict[str, Any]:
            drafts = [state["drafts"][author.item] for author in phase.authors]
            commit = self.workspace.join(
                state["commit"],
                drafts,
                author=_signature("phasegate"),
                when=(await self.run_files.facts(state["run"])).started_at,
                message=f"{phase.id}: {phase.title}",
            )
            move = partial(put_back, self.workspace, state["run"], commit, state["commit"])
            # In a transaction, which the fence guards: a worker whose lease was taken over must not move the branch
            # under the one that has the run now (decision 0018).
            kept = await self.ledger.holding(move)
            if kept:
                await self.ledger.record(state["run"], CommitsSetAside(ref=kept))
            same = self.workspace.tree_id(commit) == self.workspace.tree_id(state["commit"])
            # A round that recorded stray paths is judged whole: findings are read from the last round that has any.
            again = same and state["round"] > 1 and not state["blocking"]
            return {"commit": commit, "outcome": "unchanged" if again else "drafted"}

        return join

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        """Return a node for each check and each reviewer of the phase."""
        inputs = self._inputs
        nodes = {
            f"check-{name}": self._judge(
                partial(CheckReported, check=name), self.checks, partial(inputs.subject, name=name)
            )
            for name in phase.checks
        }
        for row in phase.reviews:
            subject = partial(inputs.subject, name=row.role, row=row)
            report = partial(ReviewReported, reviewer=row.role)
            nodes[f"review-{row.role}"] = self._judge(report, self.reviewers[row.role], subject)
        return {**nodes, f"check-{CHECK}": self._line(phase)} if phase.releases else nodes

    def settle(self, phase: Phase) -> Node:
        """Ask for another round, or open the gate on the current tree, which a policy may pass at once."""

        async def settle(state: RunState) -> dict[str, Any]:
            if state["blocking"] and state["round"] < phase.max_rounds:
                return {"outcome": "rework"}
            match await self.gatekeeper.open(state, phase):
                case OpenResult.passed:
                    return {"outcome": "approve", "since": state["commit"]}
                case OpenResult.decided:
                    return {"outcome": "decided"}
                case _:
                    return {"outcome": "ask"}

        return settle

    def gate(self, phase: Phase) -> Node:
        """Wait for the person."""

        async def gate(state: RunState) -> dict[str, Any]:
            interrupt(f"{phase.id}/{state['attempt']}")
            return {}

        return gate

    def consume(self, phase: Phase) -> Node:
        """Take the decision from the store rather than from the value that the run was resumed with."""

        async def consume(state: RunState) -> dict[str, Any]:
            outcome = await self.gatekeeper.consume(state, phase)
            update: dict[str, Any] = {"outcome": outcome}
            if outcome in ("approve", "waive"):
                update["since"] = state["commit"]
            if outcome == "void":
                update["attempt"] = state["attempt"] + 1
            return update

        return consume

    def turn(self, phase: Phase) -> Node:
        """Wait until no other run releases, reading the line again after each resume."""

        async def turn(state: RunState) -> dict[str, Any]:
            holder = await self._releasing.holds(state)
            if holder != state["run"]:
                # After the resume `interrupt` returns, and the route leads here again, so that the line is read anew:
                # to be woken is no proof of having the turn.
                interrupt(f"turn/{holder}")
                return {"turn": "wait"}
            return {"turn": "held", **await self._releasing.settle(state, phase)}

        return turn

    def effects(self, phase: Phase) -> Mapping[str, Node]:
        """Return a node for each effect."""
        return {f"effect-{name}": self._effect(name) for name in phase.effects}

    @property
    def _inputs(self) -> Inputs:
        return Inputs(
            flow=self.flow,
            ledger=self.ledger,
            workspace=self.workspace,
            run_files=self.run_files,
            observers=self.observers,
        )

    @property
    def _releasing(self) -> Releasing:
        return Releasing(flow=self.flow, ledger=self.ledger, workspace=self.workspace, facts=self.run_files.facts)

    async def _record_findings(self, state: RunState, brief: Brief, findings: Sequence[Finding]) -> None:
        if findings:
            check = f"{findings[0].check}-{brief.item}"
            reported = CheckReported(**round_of(state), check=check, findings=tuple(findings))
            await self.ledger.record(state["run"], reported)

    def _commit(self, state: RunState, brief: Brief, draft: Draft) -> str:
        return self.workspace.commit(
            [state["commit"]],
            draft.files,
            author=_signature(brief.role),
            # The run's start and not now: a draft that is made again after a crash has to get the same commit hash.
            when=brief.facts.started_at,
            message=f"{brief.phase}: {draft.message}",
        )

    def _line(self, phase: Phase) -> Node:
        async def line(state: RunState) -> dict[str, Any]:
            began, report = time.monotonic(), await self._releasing.report(state, phase)
            return await self._record_review(state, partial(CheckReported, check=CHECK), [report], began)

        return line

    def _judge(self, report: _Judged, reviewer: Reviewer, subject: Callable[[RunState], Awaitable[Subject]]) -> Node:
        async def judge(state: RunState) -> dict[str, Any]:
            began, judged = time.monotonic(), await subject(state)
            reports = await _handed_in(partial(reviewer.review, judged))
            # A model or an assistant reviews here too, and could pass over the one check that objects.
            reports = [*reports, *await self._left_out(judged, reports)]
            return await self._record_review(state, report, reports, began)

        return judge

    async def _left_out(self, subject: Subject, reports: Sequence[Report]) -> Sequence[Report]:
        """Return the reports of checks whose reports a reviewer did not give: no reviewer can leave one out."""
        missing = tuple(name for name in subject.checks if name not in {report.check for report in reports})
        return await self.checks.review(replace(subject, checks=missing)) if missing else ()

    async def _record_review(
        self, state: RunState, report: _Judged, reports: Sequence[Report], began: float
    ) -> dict[str, Any]:
        tree = self.workspace.tree_id(state["commit"])
        judged = report(**round_of(state), tree=tree, seconds=_seconds(began), **_merged(reports))
        paid = [event for each in reports for event in _paid(state, judged.name, "review", each)]
        await self.ledger.record(state["run"], judged, *paid)
        return _blocking(f"{judged.kind}-{judged.name}", judged.findings)

    def _effect(self, name: str) -> Node:
        async def effect(state: RunState) -> dict[str, Any]:
            phase = self.flow.phase(state["phase"])
            await self.gatekeeper.require_approved(state["run"], phase.id, state["commit"])
            # Asked before each effect: a run that parked between two of them gave up its turn, and another may release
            # now.
            if phase.releases and await self._releasing.holds(state) != state["run"]:
                return {"turn": "wait"}
            run, began, names = state["run"], time.monotonic(), phase.effects
            before = names[: names.index(name)]
            key, *earlier = (_effect_key(state, each) for each in (name, *before))
            start = await self.ledger.begin_effect(run, key, earlier)
            if start.done is not None:
                return {"turn": "held"}
            # Receipts come from the store and not from graph state, which holds no more than ids and counters.
            receipts = {name: receipt or {} for name, receipt in zip(before, start.before, strict=True)}
            if name == "publish":
                return await self._publish(state, phase, key, receipts)
            receipt = await self.effect_bodies[name](await self._outcome(state, receipts))
            await self.ledger.effect_done(run, key, receipt, _done(state, name, receipt, began))
            return {"turn": "held"}

        return effect

    async def _publish(
        self, state: RunState, phase: Phase, key: str, receipts: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        # The turn may have been given up and come back since the approval, with another release published in between.
        if await self._releasing.ahead(state):
            return {"turn": "wait"}
        began = time.monotonic()
        try:
            receipt = await self.effect_bodies["publish"](await self._outcome(state, receipts))
        except Refused as refused:
            if refused.reason not in STALE:
                raise
            return await self._releasing.refused(state, phase, str(refused))
        await self._releasing.published(state, key, receipt, _done(state, "publish", receipt, began))
        return {"turn": "held"}

    async def _outcome(self, state: RunState, receipts: Mapping[str, Mapping[str, Any]]) -> Outcome:
        return Outcome(
            facts=await self.run_files.facts(state["run"]),
            commit=state["commit"],
            files=self.workspace.tree(state["commit"]),
            receipts=receipts,
        )


async def _handed_in(ask: Callable[[], Awaitable[T]]) -> T:
    """Return a draft or a review, waiting as a gate does while somebody outside has yet to hand it in."""
    while True:
        try:
            return await ask()
        except NotReady as error:
            # Each resume returns from the interrupts that it met before, and asks again.
            interrupt(f"{_WORK}{error.key}")


def waited_for(interrupts: Iterable[Interrupt]) -> frozenset[str]:
    """Return the keys of the drafts and reviews that a run waits for."""
    return frozenset(str(found.value).removeprefix(_WORK) for found in interrupts)


def _counted(state: RunState, phase: Phase) -> dict[str, Any]:
    if state.get("phase") != phase.id:
        return {"attempt": 1, "round": 1}
    if state["outcome"] == "request-changes":
        return {"attempt": state["attempt"] + 1, "round": 1}
    if state["outcome"] == "moved":
        return {"attempt": state["attempt"], "round": 1}
    return {"attempt": state["attempt"], "round": state["round"] + 1}


def _require_answers(brief: Brief, draft: Draft) -> None:
    if len(draft.answers) != len(brief.comments):
        raise PhasegateError(
            f"the {brief.role} answered {len(draft.answers)} of {len(brief.comments)} comments",
            fix="this is a fault of the author; nothing was lost: 'phasegate run --resume RUN' tries again",
        )


def _drafted(state: RunState, brief: Brief, draft: Draft, began: float) -> Drafted:
    return Drafted(
        **round_of(state),
        item=brief.item,
        author=brief.role,
        model=draft.model,
        files=len(draft.files),
        seconds=_seconds(began),
        answers=tuple(zip(brief.comments, draft.answers, strict=True)),
    )


def _paid(state: RunState, role: str, call: str, made: Draft | Report) -> list[ModelCalled]:
    """Return the event of a draft's or a review's calls of a model, where there were any."""
    if made.spent is None:
        return []
    spent = made.spent
    return [
        ModelCalled(
            **round_of(state),
            role=role,
            call=call,
            usd=str(spent.usd_at_most),
            model=made.model,
            calls=spent.calls,
            tokens_in=spent.input,
            tokens_out=spent.output,
            sent_back=tuple(_first_line(fault) for fault in made.sent_back),
        )
    ]


def _first_line(fault: str) -> str:
    """Return the first line of a fault without its mark of a list, and how many follow."""
    first, *more = fault.removeprefix("- ").split("\n")
    return one_line(first)[:_MOST_OF_FAULT] + (f" (and {len(more)} more)" if more else "")


def _merged(reports: Sequence[Report]) -> dict[str, Any]:
    """Return what several reports say as the fields of one."""
    return {
        "evidence": tuple(report.evidence for report in reports if report.evidence),
        "findings": tuple(finding for report in reports for finding in report.findings),
        # The digest says what one check's report depends on, and lets a later phase take that report as its evidence
        # (decision 0021); no digest speaks for several.
        "inputs": reports[0].inputs if len(reports) == 1 else "",
    }


def _blocking(judge: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the update that counts a judge's blocking findings, empty without any."""
    count = sum(finding.blocking for finding in findings)
    return {"blocking": {judge: str(count)} if count else {}}


def _signature(role: str) -> Signature:
    return Signature(role, f"{role}@phasegate.invalid")


def _done(state: RunState, name: str, receipt: Mapping[str, Any], began: float) -> EffectDone:
    return EffectDone(phase=state["phase"], effect=name, seconds=_seconds(began), receipt=receipt)


def _effect_key(state: RunState, name: str) -> str:
    return f"{state['phase']}/{state['attempt']}/{name}"


def _seconds(began: float) -> float:
    return round(time.monotonic() - began, 2)

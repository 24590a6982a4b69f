"""What the nodes do: read the state, call one thing, return an update."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Protocol

from langgraph.types import Overwrite, interrupt

from phasegate.authors import Author, Brief, Check, Draft, Facts, Report, Subject
from phasegate.core import Clock, Finding, PhasegateError, Refused
from phasegate.ledger import Comment, GateKey, Ledger, OpenResult, first_break
from phasegate.runbooks.language.inventory import Inventory
from phasegate.team import Flow, Phase
from phasegate.team.flow import Author as AuthorRow
from phasegate.team.flow import Looks
from phasegate.workflow.branches import put_back
from phasegate.workflow.engine.effect import Effect, Outcome
from phasegate.workflow.engine.graph import Node
from phasegate.workflow.engine.releasing import CHECK, STALE, Releasing
from phasegate.workflow.gates.gatekeeper import Gatekeeper
from phasegate.workflow.reports import finding_json, findings_of
from phasegate.workflow.state import RunState
from phasegate.workspace import Signature, Workspace


class RunFiles(Protocol):
    """What the nodes need to know of runs and of the user's folder."""

    async def facts(self, run_id: str) -> Facts:
        """What every role knows of that run; it does not change while the run lasts."""
        ...

    async def handed_in(self, run_id: str, attempt: int) -> Mapping[str, bytes]:
        """Files of the spec's folder that the user wrote since the attempt before, by path; the same at each call."""
        ...

    async def versions(self) -> frozenset[str]:
        """The versions that the package index holds files of."""
        ...


class CountInventory(Protocol):
    """Looks at the world for a role, before it drafts or judges."""

    async def count(self, facts: Facts, role: str, place: str, files: Mapping[str, bytes]) -> Inventory:
        """How much there is of what the runbook lists; what cannot be counted says why."""
        ...


@dataclass(frozen=True, kw_only=True)
class TeamNodes:
    """The nodes of a team at work."""

    flow: Flow
    ledger: Ledger
    workspace: Workspace
    authors: Mapping[str, Author]
    """By role."""
    checks: Mapping[str, Check]
    effect_bodies: Mapping[str, Effect]
    gatekeeper: Gatekeeper
    facing: RunFiles
    clock: Clock
    look: CountInventory | None = None
    """None: nobody looks."""

    def begin(self, phase: Phase) -> Node:
        """Counts the attempt and the round, and says that the round begins."""

        async def begin(state: RunState) -> dict[str, Any]:
            update = _counted(state, phase)
            place = f"{phase.id}/{update['attempt']}/{update['round']}"
            await self.ledger.record(state["run"], (f"phase:{place}", {}))
            return {**update, "phase": phase.id, "drafts": Overwrite({}), "blocking": Overwrite({}), "outcome": ""}

        return begin

    def draft(self, phase: Phase) -> Node:
        """Has one author write, and commits it in the role's name."""
        rows = {author.item: author for author in phase.authors}

        async def draft(state: dict[str, Any]) -> dict[str, Any]:
            row, began = rows[state["item"]], time.monotonic()
            brief = await self._brief(state, phase, row)
            result = await self.authors[row.role].draft(brief)
            _keeps_to(brief, result, row)
            commit = self.workspace.commit(
                [state["commit"]],
                result.files,
                author=_signature(row.role),
                when=brief.facts.started_at,
                message=f"{phase.id}: {result.message}",
            )
            body = {"by": row.role, "files": len(result.files), "s": _seconds(began)}
            if result.answers:
                body["answers"] = [list(pair) for pair in zip(brief.comments, result.answers, strict=True)]
            await self.ledger.record(state["run"], (f"draft:{_place(state)}/{row.item}", body))
            return {"drafts": {row.item: commit}}

        return draft

    def join(self, phase: Phase) -> Node:
        """Puts the authors' commits together and moves the run's branch there."""

        async def join(state: RunState) -> dict[str, Any]:
            drafts = [state["drafts"][author.item] for author in phase.authors]
            commit = self.workspace.join(
                state["commit"],
                drafts,
                author=_signature("phasegate"),
                when=(await self.facing.facts(state["run"])).started_at,
                message=f"{phase.id}: {phase.title}",
            )
            move = partial(put_back, self.workspace, state["run"], commit, state["commit"])
            kept = await self.ledger.holding(move)
            if kept:
                await self.ledger.record(state["run"], (f"foreign:{kept.rpartition('/')[2]}", {"ref": kept}))
            same = self.workspace.tree_id(commit) == self.workspace.tree_id(state["commit"])
            return {"commit": commit, "outcome": "unchanged" if same and state["round"] > 1 else "drafted"}

        return join

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        """The phase's checks, and a node for each reviewer."""
        checks = {f"check-{name}": self._judge("check", name, [name]) for name in phase.checks}
        reviews = {f"review-{r.role}": self._judge("review", r.role, r.checks, r.looks) for r in phase.reviews}
        line = {f"check-{CHECK}": self._line(phase)} if phase.releases else {}
        return {**checks, **reviews, **line}

    def settle(self, phase: Phase) -> Node:
        """Asks for another round, or opens the gate on the tree as it is now; a policy may pass it at once."""

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
        """Waits for the person."""

        async def gate(state: RunState) -> dict[str, Any]:
            interrupt(f"{phase.id}/{state['attempt']}")
            return {}

        return gate

    def consume(self, phase: Phase) -> Node:
        """Takes the decision from the store; whatever the resume said is of no account."""

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
        """Waits until no other run releases; whatever the resume said, the line is looked at again."""

        async def turn(state: RunState) -> dict[str, Any]:
            holder = await self._releasing.holds(state)
            if holder != state["run"]:
                interrupt(f"turn/{holder}")
                return {"turn": "wait"}
            return {"turn": "held", **await self._releasing.settle(state, phase)}

        return turn

    def effects(self, phase: Phase) -> Mapping[str, Node]:
        """A node for each effect."""
        return {f"effect-{name}": self._effect(name) for name in phase.effects}

    @property
    def _releasing(self) -> Releasing:
        return Releasing(flow=self.flow, ledger=self.ledger, workspace=self.workspace, facts=self.facing.facts)

    def _line(self, phase: Phase) -> Node:
        async def line(state: RunState) -> dict[str, Any]:
            began, report = time.monotonic(), await self._releasing.report(state, phase)
            tree = self.workspace.tree_id(state["commit"])
            body = {"tree": tree, **_report_body([report], report.findings, began)}
            await self.ledger.record(state["run"], (f"check:{_place(state)}/{CHECK}", body))
            blocking = sum(finding.blocking for finding in report.findings)
            return {"blocking": {f"check-{CHECK}": str(blocking)} if blocking else {}}

        return line

    def _judge(self, kind: str, name: str, checks: Sequence[str], looks: Looks = ()) -> Node:
        async def judge(state: RunState) -> dict[str, Any]:
            began = time.monotonic()
            subject = await self._subject(state, name, looks, await self._passed(state, kind, name))
            reports = await asyncio.gather(*(self.checks[check](subject) for check in checks))
            findings = [finding for report in reports for finding in report.findings]
            body = {"tree": subject.tree, **_report_body(reports, findings, began)}
            await self.ledger.record(state["run"], (f"{kind}:{_place(state)}/{name}", body))
            blocking = sum(finding.blocking for finding in findings)
            return {"blocking": {f"{kind}-{name}": str(blocking)} if blocking else {}}

        return judge

    def _effect(self, name: str) -> Node:
        async def effect(state: RunState) -> dict[str, Any]:
            phase = self.flow.phase(state["phase"])
            if phase.releases and await self._releasing.holds(state) != state["run"]:
                return {"turn": "wait"}
            run, began, names = state["run"], time.monotonic(), phase.effects
            before = names[: names.index(name)]
            key, *earlier = (_effect_key(state, each) for each in (name, *before))
            start = await self.ledger.begin_effect(run, key, earlier)
            if start.done is not None:
                return {"turn": "held"}
            receipts = {name: receipt or {} for name, receipt in zip(before, start.before, strict=True)}
            if name == "publish":
                return await self._publish(state, phase, key, receipts)
            receipt = await self.effect_bodies[name](await self._outcome(state, receipts))
            await self.ledger.effect_done(run, key, receipt, _effect_event(state, name, receipt, began))
            return {"turn": "held"}

        return effect

    async def _publish(
        self, state: RunState, phase: Phase, key: str, receipts: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        if await self._releasing.ahead(state):
            return {"turn": "wait"}
        began = time.monotonic()
        try:
            receipt = await self.effect_bodies["publish"](await self._outcome(state, receipts))
        except Refused as refused:
            if refused.reason not in STALE:
                raise
            return await self._releasing.refused(state, phase, str(refused))
        await self._releasing.published(state, key, receipt, _effect_event(state, "publish", receipt, began))
        return {"turn": "held"}

    async def _brief(self, state: dict[str, Any], phase: Phase, row: AuthorRow) -> Brief:
        facts = await self.facing.facts(state["run"])
        first = phase.id == self.flow.phase_ids[0]
        return Brief(
            facts=facts,
            phase=phase.id,
            role=row.role,
            item=row.item,
            round=state["round"],
            files=self.workspace.tree(state["commit"]),
            base=self.workspace.tree(state.get("line") or state["base"]),
            taken=await self._taken(phase),
            handed_in=await self.facing.handed_in(state["run"], state["attempt"])
            if first and state["round"] == 1
            else {},
            findings=await self._standing(state),
            comments=await self._comments(state, phase, row, facts),
            inventory=await self._counted(state, row.role, row.looks),
        )

    async def _taken(self, phase: Phase) -> frozenset[str]:
        return self._releasing.line.versions | await self.facing.versions() if phase.releases else frozenset()

    async def _counted(self, state: Mapping[str, Any], role: str, looks: Looks) -> Inventory | None:
        """Each role counts once an attempt, and that is kept: after a crash it reads what it read before."""
        if self.look is None or "inventory" not in looks:
            return None
        run, key = state["run"], f"{state['phase']}/{state['attempt']}/inventory/{role}"
        start = await self.ledger.begin_effect(run, key, [])
        if start.done is None:
            facts, files = await self.facing.facts(run), self.workspace.tree(state["commit"])
            found = await self.look.count(facts, role, _place(state), files)
            kept = found.as_json()
            await self.ledger.effect_done(run, key, kept, (f"look:{key}", {"by": role, **kept}))
            return found
        return Inventory.from_json(start.done)

    async def _passed(self, state: RunState, kind: str, name: str) -> Mapping[str, str]:
        """What the check showed earlier in the run, from a chain that holds; asked for where a tree is released."""
        if kind != "check" or not self.flow.phase(state["phase"]).releases:
            return {}
        events = await self.ledger.events(state["run"])
        if first_break(events, self.ledger.key):
            return {}
        reports = [e.body for e in events if e.kind == "check" and e.place[-1] == name and not e.body.get("findings")]
        return {body["inputs"]: "; ".join(body["evidence"]) for body in reports if "inputs" in body}

    async def _subject(self, state: RunState, role: str, looks: Looks, passed: Mapping[str, str]) -> Subject:
        return Subject(
            facts=await self.facing.facts(state["run"]),
            phase=state["phase"],
            tree=self.workspace.tree_id(state["commit"]),
            files=self.workspace.tree(state["commit"]),
            since=self.workspace.tree(state["since"]),
            inventory=await self._counted(state, role, looks),
            passed=passed,
        )

    async def _outcome(self, state: RunState, receipts: Mapping[str, Mapping[str, Any]]) -> Outcome:
        return Outcome(
            facts=await self.facing.facts(state["run"]),
            commit=state["commit"],
            files=self.workspace.tree(state["commit"]),
            receipts=receipts,
        )

    async def _standing(self, state: dict[str, Any]) -> tuple[Finding, ...]:
        if (state["attempt"], state["round"]) == (1, 1):
            return ()
        events = await self.ledger.events(state["run"])
        return tuple(findings_of(events, state["phase"], state["attempt"]))

    async def _comments(self, state: dict[str, Any], phase: Phase, row: AuthorRow, facts: Facts) -> tuple[str, ...]:
        for attempt in range(state["attempt"] - 1, 0, -1):
            decision = await self.ledger.decision(GateKey(state["run"], phase.id, attempt))
            if decision:  # a gate that was void has none: what was asked for before it still is
                comments = decision.statement.comments
                return tuple(_anchored(comment) for comment in comments if _addressee(comment, phase, facts) == row)
        return ()


def _counted(state: RunState, phase: Phase) -> dict[str, Any]:
    if state.get("phase") != phase.id:
        return {"attempt": 1, "round": 1}
    if state["outcome"] == "request-changes":
        return {"attempt": state["attempt"] + 1, "round": 1}
    if state["outcome"] == "moved":
        return {"attempt": state["attempt"], "round": 1}
    return {"attempt": state["attempt"], "round": state["round"] + 1}


def _addressee(comment: Comment, phase: Phase, facts: Facts) -> AuthorRow:
    """Who answers: the author of the file it is anchored to, else the phase's first author."""
    owners = (row for row in phase.authors if comment.path and _writes(row, comment.path, facts))
    return next(owners, phase.authors[0])


def _writes(row: AuthorRow, path: str, facts: Facts) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in facts.paths(row.artifacts))


def _keeps_to(brief: Brief, draft: Draft, row: AuthorRow) -> None:
    strays = [path for path in draft.files if not _writes(row, path, brief.facts)]
    if strays:
        raise PhasegateError(
            f"the {row.role} wrote '{strays[0]}', which phase '{brief.phase}' does not give to it",
            fix="list the path under the author's artifacts in the workflow, if it is meant to",
        )
    if len(draft.answers) != len(brief.comments):
        raise PhasegateError(
            f"the {row.role} answered {len(draft.answers)} of {len(brief.comments)} comments",
            fix="this is a fault of the author; nothing was lost: 'phasegate run --resume RUN' tries again",
        )


def _report_body(reports: Sequence[Report], findings: Sequence[Finding], began: float) -> dict[str, Any]:
    body: dict[str, Any] = {"s": _seconds(began)}
    evidence = [report.evidence for report in reports if report.evidence]
    if evidence:
        body["evidence"] = evidence
    inputs = [report.inputs for report in reports]
    if len(inputs) == 1 and inputs[0]:
        body["inputs"] = inputs[0]
    if findings:
        body["findings"] = [finding_json(finding) for finding in findings]
    return body


def _anchored(comment: Comment) -> str:
    where = f"{comment.path}:{comment.line}" if comment.line else comment.path
    return f"{where}: {comment.text}" if where else comment.text


def _signature(role: str) -> Signature:
    return Signature(role, f"{role}@phasegate.invalid")


def _place(state: Mapping[str, Any]) -> str:
    return f"{state['phase']}/{state['attempt']}/{state['round']}"


def _effect_event(
    state: RunState, name: str, receipt: Mapping[str, Any], began: float
) -> tuple[str, Mapping[str, Any]]:
    return f"effect:{state['phase']}/{name}", {"s": _seconds(began), **receipt}


def _effect_key(state: RunState, name: str) -> str:
    return f"{state['phase']}/{state['attempt']}/{name}"


def _seconds(began: float) -> float:
    return round(time.monotonic() - began, 2)

"""Turns of releasing phases: waiting, standing on the newest release, and the report of both."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from phasegate.authors import Facts, Report
from phasegate.core import Finding, Severity
from phasegate.ledger import GateKey, GateStatus, Ledger
from phasegate.ledger.events import EffectDone, MergedRelease, ReleasesMerged
from phasegate.team import Flow, Phase
from phasegate.workflow.engine.release_line import Line, Placed, Tip
from phasegate.workflow.reports import merged
from phasegate.workflow.state import RunState
from phasegate.workspace import Workspace

STALE = ("index_conflict", "not_as_approved")
"""Reasons for which the approved bytes can never be published; the release is then drafted anew."""
CHECK = "release-line"


@dataclass(frozen=True, kw_only=True)
class Releasing:
    """Release steps shared by all runs of a repository."""

    flow: Flow
    ledger: Ledger
    workspace: Workspace
    facts: Callable[[str], Awaitable[Facts]]

    @property
    def line(self) -> Line:
        """The releases so far."""
        return Line(workspace=self.workspace, ledger=self.ledger)

    async def holds(self, state: RunState) -> str:
        """The run whose turn it is, once this one has joined the line."""
        return await self.ledger.claim_turn(state["run"])

    async def ahead(self, state: RunState) -> str:
        """Return in words the release that came before the run's, or an empty string."""
        return str(await self.line.ahead(state["run"], state["base"], state["commit"]) or "")

    async def settle(self, state: RunState, phase: Phase) -> dict[str, Any]:
        """Decide how the run uses its turn: draft, draft anew on what came first, or go on."""
        if state["phase"] != phase.id:
            return {**await self._place(state, phase, 1), "outcome": ""}
        outcome, first = state["outcome"], await self.ahead(state)
        if not first and outcome != "moved":
            return {}
        attempt = state["attempt"]
        if outcome in ("approve", "waive"):
            await self.ledger.void(GateKey(state["run"], phase.id, attempt), f"{first} came first")
        # The gate was answered, so the next question about this phase gets a number of its own.
        if outcome in ("approve", "waive", "request-changes"):
            attempt += 1
        placed = await self._place(state, phase, attempt)
        return {**placed, "attempt": attempt, "outcome": "moved"}

    async def refused(self, state: RunState, phase: Phase, why: str) -> dict[str, Any]:
        """Voids an approval that cannot be carried out, and has the release drafted anew."""
        await self.ledger.void(GateKey(state["run"], phase.id, state["attempt"]), why)
        return {"turn": "wait", "outcome": "moved", "attempt": state["attempt"] + 1}

    async def published(self, state: RunState, key: str, receipt: dict[str, Any], event: EffectDone) -> None:
        """Lengthens the line by what was published, and has all who wait at the same gate asked anew."""
        version = str(receipt.get("version", ""))
        if not version:
            await self.ledger.effect_done(state["run"], key, receipt, event)
            return
        # The ref before the row: killed between the two, the effect runs again and finds what it did, while a row
        # without its ref would let the next release be made beside this one.
        self.line.lengthen(version, state["commit"])
        gate = GateKey(state["run"], state["phase"], state["attempt"])
        await self.ledger.published(gate, key, receipt, f"release {version} came first", event)

    async def report(self, state: RunState, phase: Phase) -> Report:
        """Return the report of how the run's tree came to stand on the newest release."""
        onto = merged(await self.ledger.events_of(state["run"], ReleasesMerged), phase.id, state["attempt"])
        findings, tips = self._nothing_new(state, phase), ""
        if onto:
            findings += [*await self._kept(state, onto), *_mixed(onto)]
            tips = ", ".join(f"{tip.version} ({tip.commit[:12]})" for tip in onto.onto)
        evidence = f"on top of {tips}, whose files are as they were released" if tips else "no release came between"
        return Report(findings=tuple(findings), evidence=evidence)

    async def _place(self, state: RunState, phase: Phase, attempt: int) -> dict[str, Any]:
        facts, own = await self.facts(state["run"]), await self._own(state, phase)
        placed = await self.line.place(state["run"], state["base"], own, self._owned(phase, facts), facts.started_at)
        if placed.tips:
            onto = tuple([MergedRelease(**tip._asdict(), run=await self._by(tip)) for tip in placed.tips])
            kept, mixed = placed.kept, placed.mixed
            event = ReleasesMerged(phase=phase.id, attempt=attempt, onto=onto, kept=kept, mixed=mixed)
            await self.ledger.record(state["run"], event)
        return {"commit": placed.commit, "since": placed.since, "line": self._tip(state, placed)}

    async def _by(self, tip: Tip) -> str:
        return "" if tip.by_hand else await self.ledger.approved(tip.commit)

    def _tip(self, state: RunState, placed: Placed) -> str:
        tips = self.line.tips(state["run"], state["base"]) if not placed.tips else placed.tips
        return tips[-1].commit if tips else ""

    async def _own(self, state: RunState, phase: Phase) -> str:
        """Return the commit that was approved last before this phase."""
        place = self.flow.phase_ids.index(phase.id)
        before = self.flow.phase_ids[place - 1] if place else ""
        passed = [
            gate.commit
            for gate in await self.ledger.gates(state["run"], GateStatus.decided)
            if gate.key.phase == before
        ]
        return passed[-1] if passed else state["base"]

    def _owned(self, phase: Phase, facts: Facts) -> tuple[str, ...]:
        earlier = self.flow.phases[: self.flow.phase_ids.index(phase.id)]
        return facts.paths(pattern for each in earlier for pattern in each.produces)

    def _nothing_new(self, state: RunState, phase: Phase) -> list[Finding]:
        line = state.get("line", "")
        own = [path for path, _ in self.workspace.difference(line, state["commit"])] if line else []
        # Version, changelog and digests change with every release; only another file is something new.
        if not line or not all(any(fnmatchcase(path, pattern) for pattern in phase.produces) for path in own):
            return []
        message = "nothing changed against the release before: the new version has the same content"
        fix = "reject it, if no new version is wanted"
        return [_finding("nothing-new", Severity.low, "CHANGELOG.md", message, fix)]

    async def _kept(self, state: RunState, onto: ReleasesMerged) -> list[Finding]:
        kept = onto.kept
        if not kept:
            return []
        run, newer = await self.ledger.run(state["run"]), ""
        for tip in onto.onto:
            other = await self.ledger.run(tip.run) if tip.run else None
            if other and other.spec == run.spec and (other.started_at, other.id) > (run.started_at, run.id):
                newer = other.id
        message = f"{len(kept)} files that release {onto.onto[-1].version} has too are as in this run: {kept[0]}"
        if newer:
            message += f"; run '{newer}', which that came from, is the newer one of this spec"
            fix = "reject this run, or waive it if it is the right one"
            return [_finding("older-spec", Severity.high, kept[0], message, fix)]
        return [_finding("replaced", Severity.low, kept[0], message, "compare the two, if both specs were changed")]


def _mixed(onto: ReleasesMerged) -> list[Finding]:
    return [
        _finding("merged-lines", Severity.low, path, "lines of two sides were put together", "read the difference")
        for path in onto.mixed
    ]


def _finding(rule: str, severity: Severity, path: str, message: str, fix: str) -> Finding:
    return Finding(check=CHECK, rule=rule, severity=severity, path=path, message=message, fix=fix)

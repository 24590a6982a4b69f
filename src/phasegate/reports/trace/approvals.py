"""What a person decided, and what was released of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.ledger import Decision, Event, GateRecord, GateStatus, Run, RunStatus
from phasegate.reports.trace.record import in_order


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One decision of one person."""

    run: Run
    gate: GateRecord
    decision: Decision
    released: str
    """The version that was released of exactly this; empty where none was."""
    files: tuple[tuple[str, str], ...]
    """Of that release: name and sha256."""

    @property
    def void(self) -> bool:
        """Whether it was never used, as its gate was void."""
        return self.gate.status is GateStatus.void

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        statement = self.decision.statement
        return {
            **statement.as_json(),
            "at": statement.at.isoformat(),
            "spec": self.run.spec,
            "tree": self.gate.tree,
            "commit": self.gate.commit,
            "key_id": self.decision.key_id,
            "void": self.void,
            "revoked": self.decision.revoked,
            "released": self.released,
            "files": [{"name": name, "sha256": sha256} for name, sha256 in self.files],
        }


async def approvals_by(app: App, by: str, on: date | None = None) -> list[Approval]:
    """What a person, or `policy:NAME`, decided, the oldest first.

    Args:
        app: where.
        by: the name, as their decisions say it.
        on: the day, in UTC; None: every day.

    Raises:
        UsageError: nobody of that name is listed or has decided; the fix says who has.
    """
    found = [each for run in reversed(await app.ledger.runs()) for each in await _of(app, run)]
    names = {each.decision.statement.by for each in found} | set(app.config.people())
    if by not in names:
        known = ", ".join(sorted(names)) or "nobody yet"
        raise UsageError(f"nobody named '{by}' is listed or has decided", fix=f"those who are: {known}")
    mine = [each for each in found if each.decision.statement.by == by]
    return sorted((each for each in mine if on in (None, _day(each))), key=lambda each: each.decision.statement.at)


def _day(approval: Approval) -> date:
    return approval.decision.statement.at.astimezone(UTC).date()


async def _of(app: App, run: Run) -> list[Approval]:
    gates = {gate.key: gate for gate in in_order(await app.ledger.gates(run.id), app.flow.phase_ids)}
    decisions = await app.ledger.decisions(run.id)
    if not decisions:
        return []
    events = await app.ledger.events(run.id, prefix="effect:") if run.status is RunStatus.released else []
    at = list(gates)
    decisions = sorted(decisions, key=lambda each: at.index(each.statement.gate))
    return [_approval(run, gates[each.statement.gate], each, events) for each in decisions]


def _approval(run: Run, gate: GateRecord, decision: Decision, events: Sequence[Event]) -> Approval:
    passes = decision.statement.kind.passes and not decision.revoked
    held = passes and gate.status is GateStatus.decided
    published = next((e.body for e in events if e.place[-1] == "publish"), {}) if held else {}
    return Approval(
        run=run,
        gate=gate,
        decision=decision,
        released=str(published.get("version", "")),
        files=tuple(sorted(published.get("files", {}).items())),
    )

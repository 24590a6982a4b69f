"""Decisions of a person, and the releases that came of them."""

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any

from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.core.report import Report, Timestamp
from phasegate.ledger import Decision, GateRecord, GateStatus, Run, RunStatus
from phasegate.reports.artifacts import receipts
from phasegate.reports.decisions import SignedContent
from phasegate.reports.trace.record import in_order


class ReleasedFile(Report):
    """A file of a release."""

    name: str
    sha256: str


class Approval(SignedContent):
    """A decision of one person, or of `policy:NAME`, and the release that came of it."""

    at: Timestamp
    spec: str
    commit: str
    """The commit of the gate."""
    key_id: str
    """SHA-256 of the raw public key, in hexadecimal."""
    void: bool
    """Whether the decision was never used, because its gate was void."""
    revoked: bool
    released: str
    """The version released from exactly this tree; empty where none was."""
    files: tuple[ReleasedFile, ...]
    """The files of that release."""


async def approvals_by(app: App, by: str, on: date | None = None) -> list[Approval]:
    """Return the decisions of a person or of `policy:NAME`, the oldest first.

    Args:
        app: where.
        by: the name, as their decisions say it.
        on: the day, in UTC; None: every day.

    Raises:
        UsageError: nobody of that name is listed or has decided; the fix says who has.
    """
    found = [each for run in reversed(await app.ledger.runs()) for each in await _of(app, run)]
    names = {each.by for each in found} | set(app.config.people())
    if by not in names:
        known = ", ".join(sorted(names)) or "nobody yet"
        raise UsageError(f"nobody named '{by}' is listed or has decided", fix=f"those who are: {known}")
    mine = [each for each in found if each.by == by]
    return sorted((each for each in mine if on in (None, _day(each))), key=lambda each: each.at)


def _day(approval: Approval) -> date:
    return approval.at.astimezone(UTC).date()


async def _of(app: App, run: Run) -> list[Approval]:
    gates = {gate.key: gate for gate in in_order(await app.ledger.gates(run.id), app.flow.phase_ids)}
    decisions = await app.ledger.decisions(run.id)
    if not decisions:
        return []
    events = await app.ledger.events(run.id) if run.status is RunStatus.released else []
    published = receipts(events).get("publish", {})
    at = list(gates)
    decisions = sorted(decisions, key=lambda each: at.index(each.statement.gate))
    return [_approval(run, gates[each.statement.gate], each, published) for each in decisions]


def _approval(run: Run, gate: GateRecord, decision: Decision, published: Mapping[str, Any]) -> Approval:
    passes = decision.statement.kind.passes and not decision.revoked
    held = passes and gate.status is GateStatus.decided
    published = published if held else {}
    found = {
        **decision.statement.as_json(),
        "at": decision.statement.at,
        "spec": run.spec,
        "tree": gate.tree,
        "commit": gate.commit,
        "key_id": decision.key_id,
        "void": gate.status is GateStatus.void,
        "revoked": decision.revoked,
        "released": str(published.get("version", "")),
        "files": [ReleasedFile(name=name, sha256=sha) for name, sha in sorted(published.get("files", {}).items())],
    }
    return Approval.model_validate(found)

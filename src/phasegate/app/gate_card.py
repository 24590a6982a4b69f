"""A gate in a few lines, for channels: what is asked, or what came of it; the same wherever its card is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from phasegate.app.app import App
from phasegate.app.gate_view import GateView, view_gate
from phasegate.app.inbox import Inbox, Waiting
from phasegate.app.quorum import named
from phasegate.app.said import asks, weighs
from phasegate.app.words import PAST, count, stamp
from phasegate.ledger import GateKey, GateRecord, GateStatus, Statement

_VOID = "This gate is void. Nothing can be decided on it any more."


@dataclass(frozen=True, kw_only=True)
class GateCard:
    """What a card shows; all of it plain text."""

    title: str
    """`Spec review: Free volumes`."""
    summary: str
    facts: Sequence[tuple[str, str]]
    """Name and value of what to know before a decision."""
    link: str
    """To the gate, or to where the run is now; empty where nobody can reach the page."""


async def gate_card(app: App, inbox: Inbox, gate: GateRecord, address: str, closed: str = "") -> GateCard:
    """The gate as of now.

    Args:
        app: the repository's.
        inbox: knows what the spec is about.
        gate: which.
        address: of the page, as people reach it; empty: none.
        closed: what the card says in place of what the gate asks, or of what came of it.
    """
    view, row = await view_gate(app, gate), await inbox.look(gate)
    here = gate.status is not GateStatus.void and not closed
    return GateCard(
        title=title_of(row),
        summary=closed or _came(app, view, row),
        facts=_facts(row),
        link=(f"{address}/gates/{gate.key}" if here else await current(app, gate.key, address)) if address else "",
    )


def title_of(row: Waiting) -> str:
    """`Spec review: Free volumes`."""
    name = row.phase.gate.name
    return f"{name[:1].upper()}{name[1:]}: {row.subject.title}"


async def current(app: App, key: GateKey, address: str) -> str:
    """A link to the gate at which the run waits now, or to the run."""
    waiting = await app.ledger.gates(key.run, GateStatus.open)
    return f"{address}/{f'gates/{waiting[-1].key}' if waiting else f'runs/{key.run}'}"


def _came(app: App, view: GateView, row: Waiting) -> str:
    """What is asked, or what came of it."""
    match view.gate.status:
        case GateStatus.open:
            so_far = view.approvals(app.clock.now())
            return "\n".join(filter(None, [asks(view, row, asked=True), weighs(view), so_far]))
        case GateStatus.decided:
            return "\n".join(line for decision in view.said for line in _said(decision.statement)) or _VOID
        case GateStatus.void:
            return _VOID


def _said(statement: Statement) -> list[str]:
    """Who decided what, with what they asked for or excused."""
    return [f"{PAST[statement.kind.value]} by {named(statement)} at {stamp(statement.at)}", *asked_for(statement)]


def asked_for(statement: Statement) -> list[str]:
    """What somebody asked for or excused with a decision, a line each."""
    lines = [f"{_where(comment.path, comment.line)}{comment.text}" for comment in statement.comments]
    waiver = statement.waiver
    if waiver:
        rules = ", ".join(waiver.rules)
        lines.append(f"excused until {waiver.expires}: {rules}; {waiver.owner}: {waiver.reason}")
    return lines


def _where(path: str, line: int) -> str:
    place = f"{path}:{line}" if line else path
    return f"{place}: " if place else ""


def _facts(row: Waiting) -> list[tuple[str, str]]:
    found = count(len(row.findings), "finding")
    return [
        ("Phase", row.phase.title),
        ("Risk", f"{row.subject.risk}, destructive" if row.subject.destructive else row.subject.risk),
        ("Findings", f"{found}, {row.blocking} blocking" if row.blocking else found),
        ("Cost", row.cost.says),
    ]

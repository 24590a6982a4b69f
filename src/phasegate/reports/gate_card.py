"""The card of a gate for channels: the question, or the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from phasegate.app.app import App
from phasegate.core.formatting import PAST, count, stamp
from phasegate.ledger import GateKey, GateRecord, GateStatus, Statement
from phasegate.ledger.events import Observed
from phasegate.reports.approvals import named
from phasegate.reports.external_links import ExternalLink, outside
from phasegate.reports.gate import GateView, view_gate
from phasegate.reports.gate_text import question, review_size
from phasegate.reports.inbox import Inbox, OpenGate
from phasegate.runbooks.language.inventory import Counted, Inventory

_VOID = "This gate is void. Nothing can be decided on it any more."


@dataclass(frozen=True, kw_only=True)
class GateCard:
    """Content of a card as plain text."""

    title: str
    """`Spec review: Free volumes`."""
    summary: str
    facts: Sequence[tuple[str, str]]
    """Name and value of what to know before a decision."""
    link: str
    """To the gate, or to where the run is now; empty where nobody can reach the page."""
    links: Sequence[tuple[str, str]] = ()
    """Title and address of where the run is followed besides: its ticket, its pages."""
    approvers: Sequence[str] = ()
    """Names of the managers who may decide now."""


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
    looks = await app.ledger.events_of(gate.key.run, Observed)
    return GateCard(
        title=title_of(row),
        summary=closed or _came(app, view, row),
        facts=[*_found(looks, gate.key), *_facts(row, app.config.mirror.zone), *_forecast(view)],
        link=(f"{address}/gates/{gate.key}" if here else await current(app, gate.key, address)) if address else "",
        links=[(each.says, each.url) for each in await followed(app, gate.key.run)],
        approvers=row.approvers if gate.status is GateStatus.open and not closed else (),
    )


def title_of(row: OpenGate) -> str:
    """`Spec review: Free volumes`."""
    name = row.phase.gate.name
    return f"{name[:1].upper()}{name[1:]}: {row.subject.title}"


async def current(app: App, key: GateKey, address: str) -> str:
    """A link to the gate at which the run waits now, or to the run."""
    waiting = await app.ledger.gates(key.run, GateStatus.open)
    return f"{address}/{f'gates/{waiting[-1].key}' if waiting else f'runs/{key.run}'}"


def _came(app: App, view: GateView, row: OpenGate) -> str:
    """Return the question, or the outcome."""
    match view.gate.status:
        case GateStatus.open:
            so_far = view.approvals(app.clock.now())
            return "\n".join(filter(None, [question(view, row, asked=True), review_size(view), so_far]))
        case GateStatus.decided:
            return (
                "\n".join(line for decision in view.said for line in _said(decision.statement, app.config.mirror.zone))
                or _VOID
            )
        case GateStatus.void:
            return _VOID


def _said(statement: Statement, zone: tzinfo) -> list[str]:
    """Return the decision in words, with requested changes and waivers."""
    return [f"{PAST[statement.kind.value]} by {named(statement)} at {stamp(statement.at, zone)}", *asked_for(statement)]


def asked_for(statement: Statement) -> list[str]:
    """Return requested changes and waivers of a decision, a line each."""
    lines = [f"{_where(comment.path, comment.line)}{comment.text}" for comment in statement.comments]
    waiver = statement.waiver
    if waiver:
        rules = ", ".join(waiver.rules)
        lines.append(f"excused until {waiver.expires}: {rules}; {waiver.owner}: {waiver.reason}")
    return lines


def _where(path: str, line: int) -> str:
    place = f"{path}:{line}" if line else path
    return f"{place}: " if place else ""


def _facts(row: OpenGate, zone: tzinfo) -> list[tuple[str, str]]:
    opened = row.gate.status is GateStatus.open
    return [
        ("Risk", f"{row.subject.risk}, destructive" if row.subject.destructive else row.subject.risk),
        ("Findings", _findings(row)),
        *([("Open until", stamp(row.expires_at, zone))] if opened and row.expires_at else []),
        *([("Asked by", row.run.by)] if row.run.by else []),
        *([("May approve", ", ".join(row.approvers) or "nobody")] if opened else []),
        *([("Cost", row.cost.says)] if row.cost.models or row.cost.usd_so_far else []),
        ("Phase", row.phase.title),
    ]


def _forecast(view: GateView) -> list[tuple[str, str]]:
    return [("Forecast", "; ".join([view.forecast.says, *view.forecast.at_risk]))] if view.forecast else []


def _findings(row: OpenGate) -> str:
    """Return the number of findings and the first, a blocking one before others."""
    found = count(len(row.findings), "finding")
    if not row.findings:
        return found
    first = min(row.findings, key=lambda finding: not finding.blocking)
    blocks = f", {row.blocking} blocking" if row.blocking else ""
    return f"{found}{blocks}: {' '.join(first.message.split())}"


def _found(looks: Sequence[Observed], key: GateKey) -> list[tuple[str, str]]:
    """Return the counted resources of the plan, and the saving as far as it is known at a gate."""
    counts = [each for each in looks if each.look == "inventory"]
    own = [each for each in counts if each.gate(key.run) == key] or counts
    counted = resources(Inventory.from_json(own[-1].seen)) if own else "not counted"
    return [("Resources", counted), ("Saves a month", "unknown until it is tried after the release")]


def resources(seen: Inventory) -> str:
    """`8 in eu-west-1 (ec2.DescribeVolumes)`."""
    if seen.trouble:
        return f"not counted: {seen.trouble}"
    rows = [row for row in seen.counted if row.count is not None]
    places = [f"{row.count:,}{' or more' if row.capped else ''} in {row.region}{_account(row)}" for row in rows]
    lost = [f"unknown in {row.region}{_account(row)}" for row in seen.counted if row.count is None]
    return f"{', '.join([*places, *lost]) or 'not counted'} ({seen.operation})"


def _account(row: Counted) -> str:
    return f" of {row.account}" if row.account else ""


async def followed(app: App, run: str) -> list[ExternalLink]:
    """Return the run's links: its ticket and its pages."""
    return [each for each in await outside(app, run, ()) if each.url.startswith(("https://", "http://"))]

"""What a card and a person are told, after something was decided or refused."""

from collections.abc import Sequence

from phasegate.app.gate_view import GateView, view_gate
from phasegate.app.inbox import Waiting
from phasegate.app.quorum import named
from phasegate.ledger import GateKey, GateRecord, GateStatus
from phasegate.tools.slack.cards import Card, Fact, answered, asking
from phasegate.web.parts import Parts
from phasegate.web.problems import Problem
from phasegate.web.said import asks, weighs
from phasegate.web.slack.clicks import Click
from phasegate.web.slack.workspace import Workspace
from phasegate.web.words import PAST, count, stamp

_OUT_OF_DATE = "This card is out of date: the gate shows other bytes now. Nothing can be decided on it."
REASONS = frozenset({"blocking_findings", "comments_missing", "unknown_gate"})
"""Besides those of 403 and 409, what a person is told in its own words; anything else is our trouble, not theirs."""
CLOSED = {
    "stale_digest": _OUT_OF_DATE,
    "gate_expired": "This gate was open for too long. Nothing can be decided on it any more.",
}
"""By reason, what a card says on which nothing can be decided although the gate is open."""
_VOID = "This gate is void. Nothing can be decided on it any more."


async def show(parts: Parts, slack: Workspace, click: Click, reason: str = "") -> None:
    """Brings the card of a click up to date, from what is stored at that moment; done twice, it is the same.

    Args:
        parts: the server's.
        slack: where the card is.
        click: on it.
        reason: for which the click was refused, where it was.

    Raises:
        PhasegateError: Slack did not take it.
    """
    place, key = click.place, click.gate
    if not (place.channel and place.message):
        return
    async with slack.turn(place.channel, place.message):
        gate = await parts.app.ledger.gate(key)
        if gate is None:
            return
        closed = CLOSED.get(reason, "" if gate.digest == click.digest else _OUT_OF_DATE)
        card = await card_of(parts, gate, closed)
        waits = gate.status is GateStatus.open and not closed
        blocks = asking(card, gate.digest) if waits else answered(card)
        await slack.update(place.channel, place.message, card.text, blocks)


async def card_of(parts: Parts, gate: GateRecord, closed: str = "") -> Card:
    """The gate's card as of now; `closed` is what it says in place of what the gate asks, or of what came of it."""
    view, row = await view_gate(parts.app, gate), await parts.inbox.look(gate)
    here = gate.status is not GateStatus.void and not closed
    return Card(
        gate=str(gate.key),
        title=title_of(row),
        summary=closed or _came(parts, view, row),
        facts=_facts(row),
        link=f"{parts.settings.address}/gates/{gate.key}" if here else await current(parts, gate.key),
    )


def title_of(row: Waiting) -> str:
    """`Spec review: Free volumes`."""
    name = row.phase.gate.name
    return f"{name[:1].upper()}{name[1:]}: {row.subject.title}"


def _came(parts: Parts, view: GateView, row: Waiting) -> str:
    """What is asked, or what came of it."""
    match view.gate.status:
        case GateStatus.open:
            so_far = view.approvals(parts.app.clock.now())
            return "\n".join(filter(None, [asks(view, row, asked=True), weighs(view), so_far]))
        case GateStatus.decided:
            said = [decision.statement for decision in view.said]
            lines = [f"{PAST[one.kind.value]} by {named(one)} at {stamp(one.at)}" for one in said]
            return "\n".join(lines) or _VOID
        case GateStatus.void:
            return _VOID


def _facts(row: Waiting) -> Sequence[Fact]:
    found = count(len(row.findings), "finding")
    facts = {
        "Phase": row.phase.title,
        "Risk": f"{row.subject.risk}, destructive" if row.subject.destructive else row.subject.risk,
        "Findings": f"{found}, {row.blocking} blocking" if row.blocking else found,
        "Cost": row.cost.says,
    }
    return [Fact(title=title, value=value) for title, value in facts.items()]


async def current(parts: Parts, key: GateKey) -> str:
    """A link to the gate at which the run waits now, or to the run."""
    waiting = await parts.app.ledger.gates(key.run, GateStatus.open)
    return f"{parts.settings.address}/{f'gates/{waiting[-1].key}' if waiting else f'runs/{key.run}'}"


async def words_of(parts: Parts, click: Click, problem: Problem) -> str:
    """What the person who clicked is told, with where to go on; who may not decide is shown no way."""
    home = parts.settings.address
    match problem.reason:
        case "not_unlocked":
            return f"Not decided: {problem.detail}. Unlock it with your passphrase: {home}/slack"
        case "reauthentication_required":
            return f"Not decided: {problem.detail}. Give your passphrase on its page: {home}/gates/{click.gate}"
        case _ if problem.status == 409:
            return f"Not decided: {problem.detail}. The run is here now: {await current(parts, click.gate)}"
        case _ if problem.status == 403:
            return f"Not decided: {problem.detail}. {problem.fix}"
        case reason if reason in REASONS:
            return f"Not decided: {problem.detail}. Decide on the page: {home}"
        case _:
            return f"Not decided: something is wrong at our end, and its log says what. Decide on the page: {home}"

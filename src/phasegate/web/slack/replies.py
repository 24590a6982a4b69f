"""Updates of cards, and replies to people, after a decision or a refusal."""

from phasegate.ledger import GateRecord, GateStatus
from phasegate.reports.gate_card import current, gate_card
from phasegate.tools.servers.slack.cards import FACTS, Card, Fact, Link, answered, asking
from phasegate.web.context import Context
from phasegate.web.problems import Problem
from phasegate.web.slack.payloads import Click
from phasegate.web.slack.slack_client import AsyncSlackClient

_OUT_OF_DATE = "This card is out of date: the gate shows other bytes now. Nothing can be decided on it."
REASONS = frozenset({"blocking_findings", "comments_missing", "unknown_gate"})
"""Besides those of 403 and 409, what a person is told in its own words; anything else is our trouble, not theirs."""
CLOSED = {
    "stale_digest": _OUT_OF_DATE,
    "stale_head": _OUT_OF_DATE,
    "rules_moved": "This gate's rules, or who may decide, were changed. It is void, and another opens.",
    "evidence_moved": "What this gate showed has changed. It is void, and another opens.",
    "branch_moved": "Somebody moved the run's branch. This gate is void, and another opens.",
    "record_broken": "The record of this run does not hold. Nothing can be decided: 'phasegate doctor' says why.",
    "commit_missing": "What this gate showed is not in the repository any more. Nothing can be decided on it.",
    "gate_expired": "This gate was open for too long. Nothing can be decided on it any more.",
}
"""By reason, what a card says on which nothing can be decided although the gate is open."""


async def show(context: Context, slack: AsyncSlackClient, click: Click, reason: str = "") -> None:
    """Update the card of a click from what is stored, with the same result when it is done twice.

    Args:
        context: the server's.
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
        gate = await context.app.ledger.gate(key)
        if gate is None:
            return
        closed = CLOSED.get(reason, "" if gate.digest == click.digest else _OUT_OF_DATE)
        card = await card_of(context, gate, closed)
        waits = gate.status is GateStatus.open and not closed
        blocks = asking(card, gate.digest) if waits else answered(card)
        await slack.update(place.channel, place.message, card.text, blocks)


async def card_of(context: Context, gate: GateRecord, closed: str = "") -> Card:
    """Return the gate's current card, with `closed` in place of its question or outcome."""
    card = await gate_card(context.app, context.inbox, gate, context.settings.address, closed)
    facts = [Fact(title=title, value=value) for title, value in card.facts[:FACTS]]
    links = [Link(title=title, url=url) for title, url in card.links]
    return Card(gate=str(gate.key), title=card.title, summary=card.summary, facts=facts, link=card.link, links=links)


async def words_of(context: Context, click: Click, problem: Problem) -> str:
    """Return the reply to the person who clicked, without a further way for one who may not decide."""
    home = context.settings.address
    match problem.reason:
        case "not_unlocked":
            return f"Not decided: {problem.detail}. Unlock it with your passphrase: {home}/slack"
        case "reauthentication_required":
            return f"Not decided: {problem.detail}. Give your passphrase on its page: {home}/gates/{click.gate}"
        case _ if problem.status == 409:
            return f"Not decided: {problem.detail}. The run is here now: {await current(context.app, click.gate, home)}"
        case _ if problem.status == 403:
            return f"Not decided: {problem.detail}. {problem.fix}"
        case reason if reason in REASONS:
            return f"Not decided: {problem.detail}. Decide on the page: {home}"
        case _:
            return f"Not decided: something is wrong at our end, and its log says what. Decide on the page: {home}"

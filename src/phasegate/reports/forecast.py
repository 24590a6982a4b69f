"""Forecast of what is still to come of a run's model calls, from past runs, else from the prompts as they are."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from math import ceil
from typing import Any, NamedTuple

from phasegate.app.app import App
from phasegate.authors import Brief, Deliverable, Facts, Subject
from phasegate.authors.kinds import kind_of
from phasegate.core.formatting import count, listing
from phasegate.core.report import Report
from phasegate.ledger import GateRecord
from phasegate.models import Allowance, Scope, Spending, UnknownPrice, Usage, read_spending
from phasegate.reports.spend import By, Spend, cents, spend_of
from phasegate.team import ASSISTANT, COMPILER, RECORDED, REVIEW, Author, Card, Phase, Review

DRAFT_TOKENS, REVIEW_TOKENS = 3000, 700
"""Length of a reply that is counted with where no past run says more."""
MOST_RUNS = 200
"""Newest runs that a forecast looks at: older ones tell of other prompts, and a gate's page waits for it."""
_CHARACTERS_PER_TOKEN = 4
_MEDIAN, _P90 = 0.5, 0.9


class RoleForecast(Report):
    """Forecast for the drafts and reviews that one role has still to do."""

    role: str
    model: str
    orders: int
    """Number of drafts and reviews."""
    calls_low: int
    calls_high: int
    tokens_low: int
    tokens_high: int
    usd_low: Decimal | None
    """US dollars; null, like the one below: nobody knows the model's price."""
    usd_high: Decimal | None
    runs: int
    """Past runs that it is drawn from, the fewest of any draft or review; 0: some or all come from the prompts."""
    limits: tuple[str, ...]
    """Limits of the role that the run may reach, a phrase each; empty: they hold."""


class Forecast(Report):
    """Forecast of the model calls that are still to come, over all roles."""

    roles: tuple[RoleForecast, ...]
    tokens_low: int
    tokens_high: int
    usd_low: Decimal
    """US dollars of the models whose price is known, here and below."""
    usd_high: Decimal
    unpriced: tuple[str, ...]
    """Models whose price nobody knows; a run parks before their first call."""
    source: str
    """What it is drawn from, in words."""
    limits: tuple[str, ...]
    """Limits of the run that it may reach, a phrase each; empty: they hold."""

    @property
    def says(self) -> str:
        """Return money and tokens to come with their source, as `$0.30 to $1.20 to come (42,000 to 160,000 tokens)`."""
        unknown = f", and the unknown price of {listing(self.unpriced)}" if self.unpriced else ""
        priced = any(role.usd_low is not None for role in self.roles)
        usd = _range(cents(self.usd_low), cents(self.usd_high)) if priced else ""
        what = (usd + unknown).removeprefix(", and ")
        tokens = _range(f"{self.tokens_low:,}", f"{self.tokens_high:,}")
        return f"{what} to come ({tokens} tokens; {self.source})"

    @property
    def at_risk(self) -> tuple[str, ...]:
        """Return the limits of run and roles that may be reached, a phrase each."""
        return (*self.limits, *(limit for role in self.roles for limit in role.limits))


class _Order(NamedTuple):
    """A draft or a review that is to come."""

    phase: Phase
    row: Author | Review
    card: Card

    @property
    def name(self) -> str:
        """Item of the draft, or the reviewer."""
        return self.row.item if isinstance(self.row, Author) else self.row.role

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Phase, role, name and model, by which past runs know it."""
        return self.phase.id, self.card.name, self.name, self.card.model


class _Amount(NamedTuple):
    """Amounts of one draft or review, or of several."""

    calls: int = 0
    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def plus(self, more: "_Amount") -> "_Amount":
        """Add amounts, of which an unknown price makes an unknown sum."""
        usd = None if self.usd is None or more.usd is None else self.usd + more.usd
        return _Amount(self.calls + more.calls, self.tokens + more.tokens, usd)


class _Expected(NamedTuple):
    """Amounts that a draft or review is expected to use."""

    low: _Amount
    high: _Amount
    runs: int
    """Past runs that they are drawn from."""


class _Place(NamedTuple):
    """A run as it is, or as it would begin."""

    facts: Facts
    kind: Deliverable
    files: Mapping[str, bytes]


async def forecast_of_spec(app: App, spec: str) -> Forecast | None:
    """Return the forecast of a run that would begin now, None where no role calls a model.

    Args:
        app: the repository.
        spec: the spec's folder, from the top of the repository.
    """
    files = {**app.workspace.tree(app.workspace.head()), **app.folder.read(spec)}
    project = app.config.project
    facts = Facts(run="", spec=spec, project=project.name, package=project.package, started_at=app.clock.now())
    return await _forecast(app, _Place(facts, kind_of(files, spec), files), app.flow.phases)


async def forecast_at(app: App, gate: GateRecord) -> Forecast | None:
    """Return the forecast of what follows when a gate is passed, None where no role calls a model after it."""
    ahead = app.flow.phases[app.flow.phase_ids.index(gate.key.phase) + 1 :]
    if not any(_card(app, row) for phase in ahead for row in _rows(phase)):
        return None
    facts, kind = await app.folder.facts(gate.key.run), await app.folder.kind(gate.key.run)
    return await _forecast(app, _Place(facts, kind, app.workspace.tree(gate.commit)), ahead)


async def _forecast(app: App, place: _Place, phases: Sequence[Phase]) -> Forecast | None:
    orders = list(_orders(app, place.kind, phases))
    if not orders:
        return None
    past = await _past(app, place.facts.run)
    spent = await _spent(app, place.facts.run)
    by_role: dict[str, list[tuple[_Order, _Expected]]] = defaultdict(list)
    for order in orders:
        by_role[order.card.name].append((order, _expected(app, order, past.get(order.key, ()), place)))
    roles = [await _role(app, place.facts.run, found, spent) for found in by_role.values()]
    usd_high = sum((each.usd_high or Decimal(0) for each in roles), Decimal(0))
    whole = _Amount(sum(each.calls_high for each in roles), sum(each.tokens_high for each in roles), usd_high)
    run = Scope(run=place.facts.run, role="", key="")
    limits = app.config.models.run.allowance + await app.meter.raised(run)
    return Forecast(
        roles=tuple(roles),
        tokens_low=sum(each.tokens_low for each in roles),
        tokens_high=whole.tokens,
        usd_low=sum((each.usd_low or Decimal(0) for each in roles), Decimal(0)),
        usd_high=usd_high,
        unpriced=tuple(sorted({each.model for each in roles if each.usd_low is None})),
        source=_source([expected.runs for found in by_role.values() for _, expected in found]),
        limits=tuple(_reached("the run", spent.get("", Spend()), whole, limits)),
    )


def _orders(app: App, kind: Deliverable, phases: Sequence[Phase]) -> Iterator[_Order]:
    """Yield what models will be asked for: none for what only the compiler builds."""
    for phase in phases:
        for row in _rows(phase):
            card = _card(app, row)
            if card and not (isinstance(row, Author) and row.item in kind.built):
                yield _Order(phase, row, card)


def _rows(phase: Phase) -> Iterator[Author | Review]:
    yield from phase.authors
    yield from phase.reviews


def _card(app: App, row: Author | Review) -> Card | None:
    """Return the card of a role that a model works as, None where nobody is paid for the row."""
    card = app.team.cards.get(row.role)
    free = card is None or card.model in (COMPILER, ASSISTANT) or card.model.startswith(RECORDED)
    return None if free else card


async def _spent(app: App, run: str) -> dict[str, Spend]:
    """Return what a run used so far by role, under an empty name over all."""
    if not run:
        return {}
    found = await spend_of(app, run, (By.role,))
    return {row.role: row for row in (*found.rows, found.total)}


async def _past(app: App, run: str) -> dict[tuple[str, str, str, str], list[_Amount]]:
    """Return what each draft and review used in past runs of the workflow, in phases that came to their gate."""
    newest = await app.ledger.runs(limit=MOST_RUNS)
    runs = [each.id for each in newest if each.flow == app.flow.name and each.id != run]
    # Only phases that came to a gate: one that stopped half-way would make the work look cheap.
    done = {(gate.key.run, gate.key.phase) for gate in await app.ledger.gates()}
    found: dict[tuple[str, str, str, str], dict[str, _Amount]] = defaultdict(dict)
    for each in await app.database.read(read_spending, runs):
        if (each.run, each.phase) in done and each.amounts.calls:
            name = each.key.split("/", 3)[3]
            amounts = found[each.phase, each.role, name, each.model]
            # Attempts and rounds of one run count together, as they will be paid for together again.
            amounts[each.run] = amounts.get(each.run, _Amount()).plus(_amount(each))
    return {key: list(amounts.values()) for key, amounts in found.items()}


def _amount(each: Spending) -> _Amount:
    found = each.amounts
    return _Amount(found.calls, found.input + found.output + found.reserved_tokens, found.usd + found.reserved_usd)


def _expected(app: App, order: _Order, past: Sequence[_Amount], place: _Place) -> _Expected:
    if past:
        return _Expected(_rank(past, _MEDIAN), _rank(past, _P90), len(past))
    most = _limit(order.card)
    rounds = order.card.limits.rounds if order.card.limits else 1
    sent, written = _prompt(app, order, place) // _CHARACTERS_PER_TOKEN, _reply_tokens(order)
    low = _priced(app, order, 1, sent, written)
    # Each round sends the conversation so far again, the earlier answers in it.
    high = _priced(app, order, rounds, rounds * sent + written * rounds * (rounds - 1) // 2, rounds * written)
    if isinstance(order.row, Author) and order.row.item in place.kind.tried:
        # A loop of tools has as many calls as it needs: only its limits are known.
        high = most._replace(usd=None if low.usd is None else most.usd)
    return _Expected(low, high, 0)


def _sum(amounts: Iterable[_Amount]) -> _Amount:
    return reduce(_Amount.plus, amounts, _Amount())


def _rank(past: Sequence[_Amount], part: float) -> _Amount:
    """Return the value below which that part of past amounts lies, each kind of amount for itself."""
    # Each for itself: the run with the most calls need not be the one with the most tokens.
    calls, tokens, usd = (sorted(values) for values in zip(*((a.calls, a.tokens, a.usd) for a in past), strict=True))
    at = ceil(part * len(past)) - 1
    return _Amount(calls[at], tokens[at], usd[at])


def _priced(app: App, order: _Order, calls: int, sent: int, written: int) -> _Amount:
    try:
        usd = app.meter.prices.of(order.card.model, Usage(input=sent, output=written))
    except UnknownPrice:
        return _Amount(calls, sent + written, None)
    return _Amount(calls, sent + written, usd)


def _limit(card: Card) -> _Amount:
    limits = card.limits
    return _Amount(limits.calls, limits.tokens, Decimal(str(limits.money_usd))) if limits else _Amount()


def _reply_tokens(order: _Order) -> int:
    return DRAFT_TOKENS if isinstance(order.row, Author) else REVIEW_TOKENS


def _prompt(app: App, order: _Order, place: _Place) -> int:
    """Return the characters of a prompt with the artifacts as they are, and of the answer's schema."""
    # Lists of gates load this module for the shape of a forecast, and make none.
    from phasegate.authors.model.answers import DraftAnswer, ReviewAnswer, schema_of
    from phasegate.authors.model.material import review_variables, variables

    given: dict[str, Any] = {
        "facts": place.facts,
        "kind": place.kind,
        "phase": order.phase.id,
        "files": place.files,
        "key": "",
    }
    row = order.row
    if isinstance(row, Author):
        outputs = place.facts.paths(row.artifacts)
        brief = Brief(**given, role=row.role, item=row.item, round=1, outputs=outputs, reads=row.reads)
        task, values, shape = "author", variables(brief, place.files), schema_of(DraftAnswer)
    else:
        subject = Subject(**given, checks=row.checks, tree="", since={}, reads=row.reads)
        task, values, shape = REVIEW, review_variables(subject), schema_of(ReviewAnswer)
    parts = app.team.prompt(row.role, order.phase.id, task=task, kind=place.kind.prompts, **values)
    return sum(map(len, parts)) + len(json.dumps(shape))


async def _role(
    app: App, run: str, found: Sequence[tuple[_Order, _Expected]], spent: Mapping[str, Spend]
) -> RoleForecast:
    card = found[0][0].card
    low, high = (_sum(amounts) for amounts in zip(*((each.low, each.high) for _, each in found), strict=True))
    most = _limit(card)
    allowed = Allowance(tokens=most.tokens, money_usd=most.usd, calls=most.calls)
    allowed += await app.meter.raised(Scope(run=run, role=card.name, key=""))
    return RoleForecast(
        role=card.name,
        model=card.model,
        orders=len(found),
        calls_low=low.calls,
        calls_high=high.calls,
        tokens_low=low.tokens,
        tokens_high=high.tokens,
        usd_low=low.usd,
        usd_high=high.usd,
        runs=min(expected.runs for _, expected in found),
        limits=tuple(_reached(card.name, spent.get(card.name, Spend()), high, allowed)),
    )


def _reached(who: str, spent: Spend, high: _Amount, allowed: Allowance) -> Iterator[str]:
    """Yield the limits that the most that is expected passes."""
    tokens = spent.tokens_in + spent.tokens_out + spent.reserved_tokens + high.tokens
    usd = spent.usd + spent.reserved_usd + (high.usd or 0)
    if allowed.money_usd is not None and usd > allowed.money_usd:
        yield f"{who} may need {cents(usd)} of {cents(allowed.money_usd)} money_usd"
    if allowed.tokens is not None and tokens > allowed.tokens:
        yield f"{who} may need {tokens:,} of {allowed.tokens:,} tokens"
    if allowed.calls is not None and spent.calls + high.calls > allowed.calls:
        yield f"{who} may need {spent.calls + high.calls:,} of {allowed.calls:,} calls"


def _source(runs: Sequence[int]) -> str:
    known = [number for number in runs if number]
    if not known:
        return "from the prompts as they are"
    past = f"as in {count(max(known), 'past run')}"
    return past if len(known) == len(runs) else f"{past}, the rest from the prompts as they are"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"

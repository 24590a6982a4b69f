"""Metering of model calls: limits of runs and roles, what calls used, and replies that a killed run finds again."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

from phasegate.core import Parked
from phasegate.ledger import chain
from phasegate.ledger.events import AllowanceRaised
from phasegate.models.chat import Call, ChatModel, Reply, Usage
from phasegate.models.prices import Prices
from phasegate.models.recording import RecordedModel, ReplayModel
from phasegate.models.spending import Spent, spent_columns
from phasegate.store import Database, Statement, now_ms
from phasegate.store.schema import model_calls

_NANO = 1_000_000_000
_WINDOW_MS = 60_000
_CHARACTERS_PER_TOKEN = 2
"""Fewer than any tokenizer packs on average, so that what is reserved for a call is at least what it uses."""
_PROGRESS_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Draft or review that a call belongs to."""

    run: str
    role: str
    key: str
    """Name of the draft or review, `PHASE/ATTEMPT/ROUND/NAME`."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """Amounts that a role or a run may use in all, without a limit where None."""

    tokens: int | None = None
    money_usd: Decimal | None = None
    calls: int | None = None
    seconds: int | None = None
    """Wall time of a run's calls, or of each of a role's drafts and reviews."""
    rounds: int | None = None
    """Answers that are asked for in each of a role's drafts and reviews."""

    def __add__(self, more: "Allowance") -> "Allowance":
        return Allowance(**{name: _sum(value, getattr(more, name)) for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Amounts that all workers together may use of one provider in a minute, without a limit where None."""

    calls: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Meter:
    """Makes calls within the limits of run and role, and records what they used before the reply is used."""

    database: Database
    prices: Prices
    run: Allowance = field(default_factory=Allowance)
    """Of each run, over all roles."""
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """By provider, such as `bedrock_converse`."""

    async def complete(self, model: ChatModel, scope: Scope, number: int, call: Call, allowed: Allowance) -> Reply:
        """Make a call, or return the reply that the same call of a killed run got.

        Args:
            model: which one.
            scope: where the call belongs.
            number: of the call within the scope, from 1.
            call: the request.
            allowed: what the role may use in the run.

        Raises:
            Parked: the call could pass a limit, its price is unknown, or it would be a live one of a replayed run.
            ModelFailed: the provider did not answer.
        """
        # First of all: whoever takes a replayed run over was not told so on a command line, and a reply that is kept
        # would go on to call tools.
        if not _is_recorded(model):
            await self._refuse_replay(model, scope)
        # Before anything is reserved: a model without a price would count as free, and no limit in money could hold.
        self.prices.require(model.name)
        begun = await self._begun(model, scope, number, call, allowed)
        if begun.kept is not None:
            return begun.kept
        reply, usd = await self._in_time(model, scope, number, call, begun.seconds)
        # Stored before anybody uses the reply: killed in between, the run finds it, and does not pay twice.
        await self.database.write(_end, scope, number, reply, int(usd * _NANO))
        return reply

    async def spent(self, run: str, role: str = "") -> Spent:
        """Return what a run, or one of its roles, used so far."""
        return await self.database.read(_spent, run, role)

    async def spent_on(self, scope: Scope) -> Spent:
        """Return what the calls of one draft or review used so far."""
        return await self.database.read(_spent_on, scope)

    async def forget(self, run: str) -> None:
        """Delete the replies of a run that is not worked on, not what they used."""
        await self.database.write(_forget, run)

    async def raised(self, scope: Scope) -> Allowance:
        """Return what managers allowed the role in addition."""
        return await self.database.read(raised, scope.run, scope.role)

    async def _refuse_replay(self, model: ChatModel, scope: Scope) -> None:
        recording = await self.database.read(chain.replayed, scope.run)
        if recording:
            raise Parked(
                f"run '{scope.run}' replays the recording '{recording}', and '{model.name}' is not called for it "
                f"as {scope.role}",
                fix=f"go on with that file: 'phasegate run --resume {scope.run} --replay FILE'",
            )

    async def _in_time(
        self, model: ChatModel, scope: Scope, number: int, call: Call, seconds: float | None
    ) -> tuple[Reply, Decimal]:
        """Make the call within what is left of the run's time."""
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._called(model, scope, number, call)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise _out_of_time(scope.run, self.run.seconds or 0) from error

    async def _begun(self, model: ChatModel, scope: Scope, number: int, call: Call, allowed: Allowance) -> "_Begun":
        """Reserve the most that a call may use, unless its reply is there, once the provider's rate allows it."""
        most = most_used(call)
        usd = self.prices.of(model.name, most)
        row = {"request": call.digest, "model": model.name, "replayed": _is_recorded(model)}
        row |= {"reserved_tokens": most.total, "nano_usd": int(usd * _NANO)}
        rate = self.rates.get(model.name.partition(":")[0], Rate())
        # The minute of a provider's rate has to pass, and calls of other workers count in it.
        while True:
            begun = await self.database.write(_begin, scope, number, row, (self.run, allowed), rate)
            if not begun.wait:
                return begun
            await asyncio.sleep(begun.wait)

    async def _called(self, model: ChatModel, scope: Scope, number: int, call: Call) -> tuple[Reply, Decimal]:
        telling = _Telling(self.database, scope, number)
        try:
            placed = call.model_copy(update={"place": f"{scope.key}/{number}"})
            reply = await model.complete(placed, telling.told)
            return reply, self.prices.of(model.name, reply.usage)
        except BaseException:
            # A reply that never came used tokens that nobody counts: the reservation stands for them.
            # Shielded: the call may have been cancelled, and its row would stay under way for ever.
            await asyncio.shield(self.database.write(_fail, scope, number))
            raise
        finally:
            await telling.close()


def _is_recorded(model: ChatModel) -> bool:
    """Return whether a model answers from a recording, and calls no provider."""
    return isinstance(model, ReplayModel | RecordedModel)


def most_used(call: Call) -> Usage:
    """Return the most that a call can use, which is reserved before it is made."""
    return Usage(input=call.characters // _CHARACTERS_PER_TOKEN, output=call.max_tokens)


class _Telling:
    """Stores how long a reply is while it is written, for pages and terminals of other processes."""

    def __init__(self, database: Database, scope: Scope, number: int) -> None:
        self._database, self._where = database, (scope, number)
        self._last = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def told(self, characters: int) -> None:
        # A transaction for each piece of a stream would take longer than the stream.
        if time.monotonic() - self._last < _PROGRESS_SECONDS or (self._task and not self._task.done()):
            return
        self._last = time.monotonic()
        self._task = asyncio.create_task(self._database.write(_progress, *self._where, characters))

    async def close(self) -> None:
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)


def _sum(one: Any, more: Any) -> Any:
    return None if one is None else one + (more or 0)


class _Begun(NamedTuple):
    """Outcome of an attempt to begin a call."""

    kept: Reply | None = None
    """Reply that the same call of a killed run got."""
    wait: float = 0.0
    """Seconds until the provider's rate allows the call; nothing is reserved."""
    seconds: float | None = None
    """Seconds that the run has left, without a limit where None."""


_C = model_calls.c
_OF_RUN = _C.run == sa.bindparam("of_run")
_OF_KEY = sa.and_(_OF_RUN, _C.key == sa.bindparam("of_key"))
_AT = sa.and_(_OF_KEY, _C.number == sa.bindparam("of_number"))
_SUMS = spent_columns(replays_count=True)
_SPENT = Statement(sa.select(_C.role, *_SUMS).where(_OF_RUN).group_by(_C.role))
_UNDER = sa.func.substr(_C.key, 1, sa.func.length(sa.bindparam("under"))) == sa.bindparam("under")
_SPENT_ON = Statement(
    sa.select(*spent_columns(replays_count=True)).where(_OF_RUN, sa.or_(_C.key == sa.bindparam("of_key"), _UNDER))
)
_SAME = sa.and_(_C.number == sa.bindparam("of_number"), _C.request == sa.bindparam("request"))
# The replies of other calls stay where they are: one may have a megabyte.
_CALLS = Statement(sa.select(_C.number, sa.case((_SAME, _C.reply)).label("reply")).where(_OF_KEY))
_GIVEN = ("run", "key", "number", "role", "model", "request", "replayed", "reserved_tokens", "nano_usd")
_INSERT = Statement(
    sa.insert(model_calls).values({**{name: sa.bindparam(name) for name in _GIVEN}, "begun_at": now_ms()})
)
_SET_ASIDE = Statement(sa.update(model_calls).where(_AT).values(number=sa.bindparam("aside"), reply=sa.null()))
_USED = ("input", "output", "cache_read", "cache_write", "nano_usd", "reply")
_END = Statement(
    sa.update(model_calls)
    .where(_AT)
    .values(
        {**{name: sa.bindparam(name) for name in _USED}, "ended_at": now_ms(), "reserved_tokens": 0, "characters": 0}
    )
)


def _at(scope: Scope, number: int) -> dict[str, Any]:
    return {"of_run": scope.run, "of_key": scope.key, "of_number": number}


def _spent(connection: sa.Connection, run: str, role: str = "") -> Spent:
    return _by_role(connection, run)[role]


def _by_role(connection: sa.Connection, run: str) -> Mapping[str, Spent]:
    """Return what each role of a run used, and under an empty name what all of them did."""
    found = {row["role"]: Spent.of(row) for row in _SPENT(connection, of_run=run)}
    return defaultdict(Spent, {**found, "": sum(found.values(), Spent())})


def _spent_on(connection: sa.Connection, scope: Scope) -> Spent:
    # A build's tasks have keys of their own below that of the draft.
    return Spent.of(_SPENT_ON(connection, of_run=scope.run, of_key=scope.key, under=f"{scope.key}/").fetchone())


def raised(connection: sa.Connection, run: str, role: str = "") -> Allowance:
    """Return what managers allowed a run, or one of its roles, in addition."""
    return _raised_of(chain.allowances(connection, run), role)


def _raised_of(found: Iterable[AllowanceRaised], role: str) -> Allowance:
    mine = [each for each in found if each.role == role]
    usd = sum((Decimal(each.usd) for each in mine), Decimal(0))
    names = ("tokens", "calls", "seconds", "rounds")
    return Allowance(money_usd=usd, **{name: sum(getattr(each, name) for each in mine) for name in names})


def _begin(
    connection: sa.Connection,
    scope: Scope,
    number: int,
    row: Mapping[str, Any],
    allowed: tuple[Allowance, Allowance],
    rate: Rate,
) -> _Begun:
    """Reserve the most that a call may use, in the one transaction that looks what is left."""
    kept = _kept_or_set_aside(connection, scope, number, str(row["request"]))
    if kept is not None:
        return _Begun(kept=kept)
    spent, more = _by_role(connection, scope.run), chain.allowances(connection, scope.run)
    run, mine = (each + _raised_of(more, role) for each, role in zip(allowed, ("", scope.role), strict=True))
    _require(spent[""], run, scope, "", row)
    _require(spent[scope.role], mine, scope, scope.role, row)
    # Time is not reserved but cut off: nobody knows how long a provider takes.
    left = None if run.seconds is None else run.seconds - spent[""].seconds
    if left is not None and left <= 0:
        raise _out_of_time(scope.run, allowed[0].seconds or 0)
    wait = _wait(connection, str(row["model"]).partition(":")[0], rate, int(row["reserved_tokens"]))
    if wait:
        return _Begun(wait=wait)
    _INSERT(connection, run=scope.run, key=scope.key, number=number, role=scope.role, **row)
    return _Begun(seconds=left)


def _kept_or_set_aside(connection: sa.Connection, scope: Scope, number: int, request: str) -> Reply | None:
    """Return the reply that the same call of a killed run got, which was paid for and is given once more.

    Another call of that number gets a number below 0, so that what it used, or reserved before it was killed, counts in
    the limits that follow.
    """
    rows = {row["number"]: row["reply"] for row in _CALLS(connection, request=request, **_at(scope, number))}
    if number not in rows:
        return None
    if rows[number]:
        return Reply.model_validate_json(rows[number])
    _SET_ASIDE(connection, aside=min(*rows, 0) - 1, **_at(scope, number))
    return None


def _require(spent: Spent, allowed: Allowance, scope: Scope, role: str, row: Mapping[str, Any]) -> None:
    more = Decimal(int(row["nano_usd"])) / _NANO
    who = f"the {role}" if role else "the run"
    option = f" --role {role}" if role else ""
    for name, used, wanted, limit, unit in (
        ("calls", spent.calls, 1, allowed.calls, ""),
        ("tokens", spent.tokens, int(row["reserved_tokens"]), allowed.tokens, ""),
        ("money-usd", spent.usd_at_most, more, allowed.money_usd, "$"),
    ):
        if limit is not None and used + wanted > limit:
            raise Parked(
                f"{who} used {unit}{_plain(used)} of {unit}{_plain(limit)} {name}, and the next call of "
                f"'{row['model']}' may take {unit}{_plain(wanted)}",
                fix=f"allow more: 'phasegate allow {scope.run}{option} --{name} {_plain(wanted, up=True)}'",
            )


def _out_of_time(run: str, seconds: int) -> Parked:
    return Parked(
        f"the run's model calls took all the time that they may, {seconds} s and what was allowed in addition",
        fix=f"allow more: 'phasegate allow {run} --seconds {seconds}'",
    )


def _plain(amount: int | Decimal, *, up: bool = False) -> str:
    if isinstance(amount, int):
        return str(amount)
    # Rounded up where a person copies it: a cent less, and the same call would park the run again.
    return f"{amount + Decimal('0.005'):.2f}" if up else f"{amount:.4f}"


def _wait(connection: sa.Connection, provider: str, rate: Rate, tokens: int) -> float:
    if rate.calls is None and rate.tokens is None:
        return 0.0
    # The database's clock: workers on several hosts count the same minute.
    now = connection.execute(sa.select(now_ms())).scalar_one()
    of = model_calls.c.model.like(f"{provider}:%") & (model_calls.c.begun_at > now - _WINDOW_MS)
    # Reserved tokens count: calls that workers began in this second have used none yet.
    used = sa.func.coalesce(sa.func.sum(model_calls.c.input + model_calls.c.output + model_calls.c.reserved_tokens), 0)
    calls, total, first = connection.execute(
        sa.select(sa.func.count(), used, sa.func.min(model_calls.c.begun_at)).where(of)
    ).one()
    over = rate.calls is not None and calls >= rate.calls
    # A single call above the rate is let through in an empty minute, since no wait would make room for it.
    over = over or (rate.tokens is not None and calls and total + tokens > rate.tokens)
    # Until the oldest call of the minute leaves it; the least keeps a worker from asking in a loop.
    return max(0.05, (first + _WINDOW_MS - now) / 1000) if over else 0.0


def _end(connection: sa.Connection, scope: Scope, number: int, reply: Reply, nano_usd: int) -> None:
    usage = (reply.usage or Usage()).model_dump()
    kept = json.dumps(reply.model_dump(mode="json"), ensure_ascii=False)
    _END(connection, **usage, nano_usd=nano_usd, reply=kept, **_at(scope, number))


def _fail(connection: sa.Connection, scope: Scope, number: int) -> None:
    connection.execute(sa.update(model_calls).where(_AT).values(ended_at=now_ms(), characters=0), _at(scope, number))


def _progress(connection: sa.Connection, scope: Scope, number: int, characters: int) -> None:
    connection.execute(sa.update(model_calls).where(_AT).values(characters=characters), _at(scope, number))


def _forget(connection: sa.Connection, run: str) -> None:
    of = (model_calls.c.run == run) & model_calls.c.reply.is_not(None)
    connection.execute(sa.update(model_calls).where(of).values(reply=None))

"""Metering of model calls: limits of runs and roles, what calls used, and replies that a killed run finds again."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

import sqlalchemy as sa

from phasegate.core import Parked
from phasegate.ledger import chain
from phasegate.models.chat import Call, ChatModel, Reply, Usage
from phasegate.models.prices import Prices
from phasegate.models.recording import RecordedModel, ReplayModel
from phasegate.store import Database, now_ms
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
class Spent:
    """Amounts that calls used, those reserved by calls under way included."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    usd: Decimal = Decimal(0)
    reserved_tokens: int = 0
    ms: int = field(default=0, compare=False)
    """Wall time of the calls that ended, in milliseconds, which no two runs take alike."""

    @property
    def tokens(self) -> int:
        """Tokens in and out, with those that calls under way may use."""
        return self.input + self.output + self.reserved_tokens

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Return the sums of a row of `spent_columns`."""
        names = ("calls", "input", "output", "cache_read", "cache_write", "reserved_tokens", "ms")
        return cls(**{name: int(row[name] or 0) for name in names}, usd=Decimal(int(row["nano_usd"] or 0)) / _NANO)


def spent_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns that sum up calls, for `Spent.of`."""
    names = ("input", "output", "cache_read", "cache_write", "reserved_tokens", "nano_usd")
    time = sa.func.sum(model_calls.c.ended_at - model_calls.c.begun_at).label("ms")
    return [sa.func.count().label("calls"), time, *(sa.func.sum(model_calls.c[name]).label(name) for name in names)]


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
            Parked: the call could pass a limit, or its price is unknown.
            ModelFailed: the provider did not answer.
        """
        # Before anything is reserved: a model without a price would count as free, and no limit in money could hold.
        self.prices.require(model.name)
        # A killed run asks again what it asked before. The provider's answer was paid for and is stored, so it is given
        # once more.
        kept = await self.database.read(_kept, scope, number, call.digest)
        if kept is not None:
            return kept
        seconds = await self._reserve(model, scope, number, call, allowed)
        reply, usd = await self._in_time(model, scope, number, call, seconds)
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

    async def _reserve(
        self, model: ChatModel, scope: Scope, number: int, call: Call, allowed: Allowance
    ) -> float | None:
        """Reserve the most that a call may use, and return the seconds that the run has left."""
        most = most_used(call)
        usd = self.prices.of(model.name, most)
        row = {"request": call.digest, "model": model.name, "replayed": isinstance(model, ReplayModel | RecordedModel)}
        row |= {"reserved_tokens": most.total, "nano_usd": int(usd * _NANO)}
        rate = self.rates.get(model.name.partition(":")[0], Rate())
        # The minute of a provider's rate has to pass, and calls of other workers count in it.
        while wait := await self.database.write(_begin, scope, number, row, (self.run, allowed), rate):  # noqa: ASYNC110
            await asyncio.sleep(wait)
        return await self.database.read(_time_left, scope.run, self.run)

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


def _at(scope: Scope, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(model_calls.c.run == scope.run, model_calls.c.key == scope.key, model_calls.c.number == number)


def _kept(connection: sa.Connection, scope: Scope, number: int, request: str) -> Reply | None:
    wanted = sa.select(model_calls.c.reply).where(_at(scope, number), model_calls.c.request == request)
    reply = connection.execute(wanted).scalar()
    return Reply.model_validate_json(reply) if reply else None


def _spent(connection: sa.Connection, run: str, role: str = "") -> Spent:
    of = model_calls.c.run == run
    wanted = sa.select(*spent_columns()).where(of & (model_calls.c.role == role) if role else of)
    return Spent.of(connection.execute(wanted).mappings().one())


def _spent_on(connection: sa.Connection, scope: Scope) -> Spent:
    # A build's tasks have keys of their own below that of the draft.
    mine = (model_calls.c.key == scope.key) | model_calls.c.key.startswith(f"{scope.key}/", autoescape=True)
    of = (model_calls.c.run == scope.run) & mine
    return Spent.of(connection.execute(sa.select(*spent_columns()).where(of)).mappings().one())


def raised(connection: sa.Connection, run: str, role: str = "") -> Allowance:
    """Return what managers allowed a run, or one of its roles, in addition."""
    found = [each for each in chain.allowances(connection, run) if each.role == role]
    usd = sum((Decimal(each.usd) for each in found), Decimal(0))
    names = ("tokens", "calls", "seconds", "rounds")
    return Allowance(money_usd=usd, **{name: sum(getattr(each, name) for each in found) for name in names})


def _begin(
    connection: sa.Connection,
    scope: Scope,
    number: int,
    row: Mapping[str, Any],
    allowed: tuple[Allowance, Allowance],
    rate: Rate,
) -> float:
    """Reserve the most that a call may use, or return the seconds until the provider's rate allows it."""
    # First, so that what the killed call reserved counts in the limits that follow.
    _set_aside(connection, scope, number)
    for role, most in (("", allowed[0]), (scope.role, allowed[1])):
        _require(_spent(connection, scope.run, role), most + raised(connection, scope.run, role), scope, role, row)
    # Time is not reserved but cut off: nobody knows how long a provider takes.
    left = _time_left(connection, scope.run, allowed[0])
    if left is not None and left <= 0:
        raise _out_of_time(scope.run, allowed[0].seconds or 0)
    wait = _wait(connection, str(row["model"]).partition(":")[0], rate, int(row["reserved_tokens"]))
    if wait:
        return wait
    values = {"run": scope.run, "key": scope.key, "number": number, "role": scope.role, "begun_at": now_ms()}
    connection.execute(sa.insert(model_calls).values(**values, **row))
    return 0.0


def _set_aside(connection: sa.Connection, scope: Scope, number: int) -> None:
    """Give an earlier call of that number a number below 0: what it used, or reserved before it was killed, counts."""
    of = (model_calls.c.run == scope.run) & (model_calls.c.key == scope.key)
    lowest = connection.execute(sa.select(sa.func.min(model_calls.c.number)).where(of)).scalar() or 0
    connection.execute(sa.update(model_calls).where(_at(scope, number)).values(number=min(lowest, 0) - 1, reply=None))


def _require(spent: Spent, allowed: Allowance, scope: Scope, role: str, row: Mapping[str, Any]) -> None:
    more = Decimal(int(row["nano_usd"])) / _NANO
    who = f"the {role}" if role else "the run"
    option = f" --role {role}" if role else ""
    for name, used, wanted, limit, unit in (
        ("calls", spent.calls, 1, allowed.calls, ""),
        ("tokens", spent.tokens, int(row["reserved_tokens"]), allowed.tokens, ""),
        ("money-usd", spent.usd, more, allowed.money_usd, "$"),
    ):
        if limit is not None and used + wanted > limit:
            raise Parked(
                f"{who} used {unit}{_plain(used)} of {unit}{_plain(limit)} {name}, and the next call of "
                f"'{row['model']}' may take {unit}{_plain(wanted)}",
                fix=f"allow more: 'phasegate allow {scope.run}{option} --{name} {_plain(wanted, up=True)}'",
            )


def _time_left(connection: sa.Connection, run: str, allowed: Allowance) -> float | None:
    most = (allowed + raised(connection, run)).seconds
    return None if most is None else most - _spent(connection, run).ms / 1000


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
    usage = reply.usage or Usage()
    values = {**usage.model_dump(), "nano_usd": nano_usd, "reserved_tokens": 0, "ended_at": now_ms(), "characters": 0}
    kept = json.dumps(reply.model_dump(mode="json"), ensure_ascii=False)
    connection.execute(sa.update(model_calls).where(_at(scope, number)).values(**values, reply=kept))


def _fail(connection: sa.Connection, scope: Scope, number: int) -> None:
    connection.execute(sa.update(model_calls).where(_at(scope, number)).values(ended_at=now_ms(), characters=0))


def _progress(connection: sa.Connection, scope: Scope, number: int, characters: int) -> None:
    connection.execute(sa.update(model_calls).where(_at(scope, number)).values(characters=characters))


def _forget(connection: sa.Connection, run: str) -> None:
    of = (model_calls.c.run == run) & model_calls.c.reply.is_not(None)
    connection.execute(sa.update(model_calls).where(of).values(reply=None))

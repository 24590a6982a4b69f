"""Sums of model calls, the one source of what was spent.

Every call has a row from before it is made, so that the sums hold calls that failed or were killed, too. The rows stay
when a run's replies are forgotten. The ledger's events say what each finished draft or review cost, which is less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import sqlalchemy as sa

from phasegate.store.schema import model_calls

_NANO = 1_000_000_000
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_SUMMED = ("input", "output", "cache_read", "cache_write")


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Amounts that calls used, and those that are reserved for calls whose end is unknown."""

    calls: int = 0
    """Calls of a provider, those without a known end included."""
    open_calls: int = 0
    """Calls under way, failed or killed, of which nobody knows what they used."""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    usd: Decimal = Decimal(0)
    """Price of the calls with a known end."""
    reserved_tokens: int = 0
    reserved_usd: Decimal = Decimal(0)
    """The most that the calls without a known end can cost."""
    seconds: float = field(default=0.0, compare=False)
    """Wall time of the calls that ended, failed ones and waits between attempts included; no two runs take it alike."""
    replayed: int = 0
    """Calls that a recording answered, where they are told from the others: nobody pays them."""

    @property
    def tokens(self) -> int:
        """Tokens in and out, with those that calls without a known end may use."""
        return self.input + self.output + self.reserved_tokens

    @property
    def usd_at_most(self) -> Decimal:
        """Price of the calls with a known end, and the most that the others can cost."""
        return self.usd + self.reserved_usd

    def __add__(self, more: "Spent") -> "Spent":
        return Spent(**{name: value + getattr(more, name) for name, value in vars(self).items()})

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Return the sums of a row of `spent_columns`."""
        names = ("calls", "open_calls", *_SUMMED, "reserved_tokens", "replayed")
        return cls(
            **{name: int(row[name] or 0) for name in names},
            usd=Decimal(int(row["nano_usd"] or 0)) / _NANO,
            reserved_usd=Decimal(int(row["reserved_nano"] or 0)) / _NANO,
            seconds=max(0, int(row["ms"] or 0)) / 1000,
        )


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Amounts of one draft's or review's calls of a model on one day, in UTC."""

    run: str
    key: str
    """Name of the draft or review, `PHASE/ATTEMPT/ROUND/NAME`."""
    role: str
    model: str
    day: date
    amounts: Spent = field(default_factory=Spent)

    @property
    def phase(self) -> str:
        """Id of the phase."""
        return self.key.partition("/")[0]


def read_spending(
    connection: sa.Connection, runs: Sequence[str] | None = None, since: date | None = None
) -> list[Spending]:
    """Return the amounts of all runs, or of these, by draft or review, model and day.

    Args:
        connection: to read by.
        runs: ids; None: every run.
        since: the first day, in UTC; None: from the first call on.
    """
    calls = model_calls.c
    # Written out: a parameter in GROUP BY is another one than that in the list of columns.
    day = (calls.begun_at // sa.literal_column(str(_DAY_MS), sa.BigInteger)).label("day")
    group = (calls.run, calls.key, calls.role, calls.model, day)
    query = sa.select(*group, *spent_columns()).group_by(*group).order_by(*group)
    if runs is not None:
        query = query.where(calls.run.in_(runs))
    if since is not None:
        query = query.where(calls.begun_at >= (since - _EPOCH).days * _DAY_MS)
    return [_spending(row) for row in connection.execute(query).mappings()]


def spent_columns(*, replays_count: bool = False) -> list[sa.ColumnElement[Any]]:
    """Return the columns that sum up calls, for `Spent.of`.

    Args:
        replays_count: whether calls that a recording answered count as others do, as they do against limits: a replay
            ends where its run did.
    """
    calls = model_calls.c
    counted, is_open = sa.true() if replays_count else sa.not_(calls.replayed), calls.reserved_tokens > 0
    known = sa.and_(counted, sa.not_(is_open))
    sums = {
        "calls": _sum(counted, 1),
        "open_calls": _sum(sa.and_(counted, is_open), 1),
        **{name: _sum(known, calls[name]) for name in _SUMMED},
        "nano_usd": _sum(known, calls.nano_usd),
        "reserved_tokens": _sum(counted, calls.reserved_tokens),
        "reserved_nano": _sum(sa.and_(counted, is_open), calls.nano_usd),
        "ms": _sum(counted, calls.ended_at - calls.begun_at),
        "replayed": _sum(sa.not_(counted), 1),
    }
    return [value.label(name) for name, value in sums.items()]


def _sum(condition: Any, value: Any) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((condition, value), else_=0))


def _spending(row: sa.RowMapping) -> Spending:
    of = {name: row[name] for name in ("run", "key", "role", "model")}
    return Spending(**of, day=_EPOCH + timedelta(days=int(row["day"])), amounts=Spent.of(row))


@dataclass(frozen=True, kw_only=True)
class Writing:
    """A call under way."""

    role: str
    model: str
    key: str
    """Name of the draft or review, `PHASE/ATTEMPT/ROUND/NAME`."""
    characters: int
    """Length of the reply so far."""
    begun_at: datetime


def read_writing(connection: sa.Connection, run: str) -> list[Writing]:
    """Return a run's calls under way, or those of a killed process that nobody has made again."""
    calls = model_calls.c
    columns = (calls.role, calls.model, calls.key, calls.characters, calls.begun_at)
    # A number below 0 is that of a call which was made again.
    query = sa.select(*columns).where(calls.run == run, calls.ended_at.is_(None), calls.number > 0)
    return [
        Writing(**{**row, "begun_at": datetime.fromtimestamp(row["begun_at"] / 1000, UTC)})
        for row in connection.execute(query.order_by(calls.begun_at)).mappings()
    ]

"""Money and tokens that model calls used: by run, role, phase, model and month."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from phasegate.app.app import App
from phasegate.core.formatting import count, money
from phasegate.core.report import Report, Timestamp
from phasegate.models import Spending, Spent, Writing, read_spending, read_writing
from phasegate.store import Database


class By(StrEnum):
    """Part that spend is summed up by."""

    run = "run"
    role = "role"
    phase = "phase"
    model = "model"
    month = "month"
    """Of the calls' beginning, in UTC."""


class Spend(Report):
    """Spend on model calls, with money as decimals in text."""

    run: str = ""
    """Empty here and below: over all of them."""
    role: str = ""
    phase: str = ""
    model: str = ""
    month: str = ""
    """`YYYY-MM`, in UTC."""
    calls: int = 0
    """Calls of a provider, those without a known end included."""
    tokens_in: int = 0
    """All tokens of the prompts, those of caches included."""
    tokens_out: int = 0
    cache_read: int = 0
    """Tokens of the prompts that were read from a cache."""
    cache_write: int = 0
    """Tokens of the prompts that were written to a cache."""
    usd: Decimal = Decimal(0)
    """US dollars of the calls with a known end."""
    seconds: float = 0.0
    """Wall time of the calls with a known end."""
    open_calls: int = 0
    """Calls under way, failed or killed: nobody knows what they used."""
    reserved_tokens: int = 0
    """Tokens that those calls may have used, which count against limits."""
    reserved_usd: Decimal = Decimal(0)
    """US dollars that those calls cost at most."""
    replayed: int = 0
    """Calls that a recording answered, which nobody pays and which count in nothing else."""

    @property
    def says(self) -> str:
        """Return money and calls, as `$0.42 for 12 calls`, with what is reserved and what nobody pays."""
        replayed = f"{count(self.replayed, 'call')} answered from a recording, unpaid" if self.replayed else ""
        paid = f"{cents(self.usd)} for {count(self.calls - self.open_calls, 'call')}"
        reserved = f"{cents(self.reserved_usd)} at most for {count(self.open_calls, 'call')} without a known end"
        parts = [paid if self.calls or not replayed else "", reserved if self.open_calls else "", replayed]
        return "; ".join(filter(None, parts))


class SpendReport(Report):
    """Spend on model calls, row by row and in all."""

    by: tuple[By, ...]
    """Parts that tell the rows apart."""
    since: date | None
    """The first day, in UTC; null: from the first call on."""
    rows: tuple[Spend, ...]
    total: Spend


class CallUnderWay(Report):
    """A call of a model whose reply is being written."""

    role: str
    model: str
    phase: str
    what: str
    """Item of the draft, or the reviewer."""
    characters: int
    """Length of the reply so far."""
    begun_at: Timestamp

    @classmethod
    def of(cls, call: Writing) -> "CallUnderWay":
        """Return the report of a call."""
        phase, _, _, what = call.key.split("/", 3)
        return cls.model_validate(
            {"phase": phase, "what": what}
            | {name: getattr(call, name) for name in ("role", "model", "characters", "begun_at")}
        )

    @property
    def does(self) -> str:
        """Return `writes plan`, or `reviews`."""
        return "reviews" if self.what == self.role else f"writes {self.what}"

    def seconds(self, now: datetime) -> float:
        """Return for how long it has been under way."""
        return max(0.0, (now - self.begun_at).total_seconds())


def cents(usd: Decimal) -> str:
    """Return an amount of money, with more digits where it is below a cent.

    >>> cents(Decimal("1.5")), cents(Decimal("0.00042")), cents(Decimal(0))
    ('$1.50', '$0.0004', '$0.00')
    """
    return f"${usd:.4f}" if 0 < usd < Decimal("0.01") else money(usd)


async def spend_of(app: App, run: str = "", by: Sequence[By] = (By.run,), since: date | None = None) -> SpendReport:
    """Return what model calls used.

    Args:
        app: the repository.
        run: id of the only run that counts; empty: all of them.
        by: what tells the rows apart.
        since: the first day that counts, in UTC; None: from the first call on.
    """
    found = await app.database.read(read_spending, [run] if run else None, since)
    return summed(found, tuple(dict.fromkeys(by)), since)


def summed(found: Iterable[Spending], by: tuple[By, ...], since: date | None = None) -> SpendReport:
    """Return the sums row by row: the newest month first, else in the order of their names."""
    groups: dict[tuple[str, ...], Spent] = {}
    for each in found:
        key = tuple(_part(each, part) for part in by)
        groups[key] = groups.get(key, Spent()) + each.amounts
    names = sorted(groups)
    for position in (place for place, part in enumerate(by) if part is By.month):
        names.sort(key=lambda key: key[position], reverse=True)
    rows = [_spend(groups[name], dict(zip(by, name, strict=True))) for name in names]
    return SpendReport(by=by, since=since, rows=tuple(rows), total=_spend(sum(groups.values(), Spent()), {}))


async def spent_by_run(database: Database, runs: Sequence[str]) -> dict[str, Spend]:
    """Return what each of these runs used."""
    report = summed(await database.read(read_spending, runs), (By.run,))
    return {row.run: row for row in report.rows}


async def under_way(database: Database, run: str) -> tuple[CallUnderWay, ...]:
    """Return a run's calls whose replies are being written."""
    return tuple(map(CallUnderWay.of, await database.read(read_writing, run)))


def _part(each: Spending, part: By) -> str:
    return f"{each.day:%Y-%m}" if part is By.month else str(getattr(each, part))


def _spend(amounts: Spent, of: dict[By, str]) -> Spend:
    values = {name: value for name, value in vars(amounts).items() if name not in ("input", "output")}
    parts = {str(part): value for part, value in of.items()}
    return Spend.model_validate(values | parts | {"tokens_in": amounts.input, "tokens_out": amounts.output})

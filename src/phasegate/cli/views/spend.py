"""Renderer of what model calls cost, and of what is to come."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.core.formatting import duration
from phasegate.reports.forecast import Forecast, RoleForecast
from phasegate.reports.recorded import NOTICE, RecordedCost
from phasegate.reports.spend import Spend, SpendReport, cents

_NUMBERS = ("calls", "tokens in", "tokens out", "cache read", "cache write", "money", "time")


def spend_table(found: SpendReport) -> RenderableType:
    """Render the rows with their sum, and below what is reserved and what was not paid."""
    if not found.rows:
        return Text("No model was called" + (f" since {found.since}." if found.since else "."))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for part in found.by:
        table.add_column(part.value, overflow="fold")
    for column in _NUMBERS:
        table.add_column(column, justify="right", no_wrap=True)
    for row in found.rows:
        table.add_row(*(Text(visible(getattr(row, part))) for part in found.by), *_numbers(row))
    if len(found.rows) > 1:
        first = [Text("in all"), *(Text() for _ in found.by[1:])]
        table.add_row(*first, *_numbers(found.total), style="name")
    return Group(table, *notes(found.total))


def recorded_table(costs: Sequence[RecordedCost]) -> RenderableType:
    """Render what recorded answers cost by role, of which nothing is paid."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    table.add_column("role", no_wrap=True)
    for column in ("calls", "tokens in", "tokens out", "recorded"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in costs:
        table.add_row(row.role, f"{row.calls}", f"{row.tokens_in:,}", f"{row.tokens_out:,}", cents(row.usd))
    total = cents(sum((row.usd for row in costs), Decimal(0)))
    return Group(table, Text(f"{total} as recorded. {NOTICE}", "wait"))


def notes(total: Spend) -> list[Text]:
    """Return what the sums leave out, a line each."""
    lines = []
    if total.open_calls:
        lines.append(
            f"{total.open_calls:,} without a known end: {cents(total.reserved_usd)} and "
            f"{total.reserved_tokens:,} tokens at most, which count against limits"
        )
    if total.replayed:
        lines.append(f"{total.replayed:,} more answered from a recording, which nobody pays")
    return [Text(line, "wait") for line in lines]


def csv_of(found: SpendReport) -> str:
    """Return the rows as CSV, without a sum."""
    text = io.StringIO()
    names = [
        *found.by,
        *(name for name in Spend.model_fields if name not in ("run", "role", "phase", "model", "month")),
    ]
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.plain() for row in found.rows)
    return text.getvalue()


def _numbers(row: Spend) -> list[str]:
    counts = (row.calls, row.tokens_in, row.tokens_out, row.cache_read, row.cache_write)
    return [*(f"{number:,}" for number in counts), cents(row.usd), duration(row.seconds)]


def forecast_lines(found: Forecast) -> list[Text]:
    """Return the sum in a line, and a line for each limit that may be reached."""
    risks = [Text(f"may stop on the way: {visible(risk)}", "wait") for risk in found.at_risk]
    return [Text(f"Model calls: {visible(found.says)}", "quiet"), *risks]


def forecast_table(found: Forecast) -> RenderableType:
    """Render the forecast role by role, with its sum and the limits that may be reached."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for column in ("role", "model"):
        table.add_column(column, overflow="fold")
    for column in ("orders", "calls", "tokens", "money", "past runs"):
        table.add_column(column, justify="right", no_wrap=True)
    for role in found.roles:
        table.add_row(role.role, visible(role.model), *_expected(role))
    return Group(table, *forecast_lines(found))


def _expected(role: RoleForecast) -> list[str]:
    tokens = f"{role.tokens_low:,}–{role.tokens_high:,}"
    calls = f"{role.calls_low:,}–{role.calls_high:,}"
    return [str(role.orders), calls, tokens, _price(role), str(role.runs or "–")]


def _price(role: RoleForecast) -> str:
    if role.usd_low is None or role.usd_high is None:
        return "unknown"
    return f"{cents(role.usd_low)}–{cents(role.usd_high)}"

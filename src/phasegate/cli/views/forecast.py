"""Renderer of what model calls are to come."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.reports.forecast import Forecast, RoleForecast
from phasegate.reports.spend import cents


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
        table.add_row(role.role, visible(role.model), *_numbers(role))
    return Group(table, *forecast_lines(found))


def _numbers(role: RoleForecast) -> list[str]:
    tokens = f"{role.tokens_low:,}–{role.tokens_high:,}"
    calls = f"{role.calls_low:,}–{role.calls_high:,}"
    return [str(role.orders), calls, tokens, _money(role), str(role.runs or "–")]


def _money(role: RoleForecast) -> str:
    if role.usd_low is None or role.usd_high is None:
        return "unknown"
    return f"{cents(role.usd_low)}–{cents(role.usd_high)}"

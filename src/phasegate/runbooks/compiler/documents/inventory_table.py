"""The plan's word on what is there: written from a count, and read back from the plan."""

import re

from phasegate.runbooks.compiler.documents.text import code, plain, table
from phasegate.runbooks.language.inventory import Counted, Inventory

HEADING = "## What is there"
_HEAD = ("Account", "Region", "Count")
_OWN = "own"
_ROW = re.compile(r"^\|([^|]*)\|([^|]*)\|(.*)\|\s*$", re.M)
_COUNT = re.compile(r"(more than )?([0-9][0-9,]*)")


def there(inventory: Inventory | None) -> str:
    """Return the Markdown below the heading."""
    if inventory is None:
        return "Nobody looked: phasegate.toml names no region under `[aws] inventory`."
    if inventory.trouble:
        return f"It could not be counted: {plain(inventory.trouble)}"
    counted = f"Counted with {code(inventory.operation)} as this plan was drafted."
    rows = [(plain(row.account or _OWN), plain(row.region), _count(row)) for row in inventory.counted]
    return f"{counted}\n\n{table(_HEAD, rows)}"


def planned(plan: str) -> list[Counted]:
    """Read the counts back from a plan, by whomever written, with None for a count that is no number.

    >>> planned("## What is there\\n| own | eu-west-1 | more than 10 |\\n")
    [Counted(account='', region='eu-west-1', count=10, capped=True, error='')]
    """
    section = plan.partition(f"\n{HEADING}\n")[2] or plan.partition(f"{HEADING}\n")[2]
    # A model's plan may pad cells, and has a line of dashes below the head.
    cells = [[cell.strip() for cell in row] for row in _ROW.findall(section.partition("\n## ")[0])]
    return [_read(*row) for row in cells if tuple(row) != _HEAD and set(row[0]) - set("-: ")]


def _count(row: Counted) -> str:
    if row.count is None:
        return f"unknown: {plain(row.error)}"
    return f"more than {row.count:,}" if row.capped else f"{row.count:,}"


def _read(account: str, region: str, count: str) -> Counted:
    said = _COUNT.fullmatch(count)
    return Counted(
        account="" if account == _OWN else account,
        region=region,
        count=int(said[2].replace(",", "")) if said else None,
        capped=bool(said and said[1]),
        error="" if said else count.removeprefix("unknown: "),
    )

"""Renderer of a release's claims."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from phasegate.ledger import Claim


def claims_table(claims: Sequence[Claim]) -> Table:
    """Each with whether it holds, and what was compared."""
    table = Table.grid(padding=(0, 1))
    for claim in claims:
        mark = Text("✓", "good") if claim.holds else Text("✗", "bad")
        table.add_row(mark, claim.text, Text(claim.detail, "quiet", overflow="fold"))
    return table

"""The places where runs are told of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.app.words import age, count
from phasegate.core import visible
from phasegate.ledger import Mirrored


def places_table(rows: Mapping[str, Sequence[Mirrored]], now: datetime) -> RenderableType:
    """A line for each place, and one for each run of which something could not be told."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, mirrored in rows.items():
        late = [row for row in mirrored if row.trouble]
        says = Text(f"{len(late)} behind", "wait") if late else Text("up to date", "good")
        table.add_row(Text(name, "name"), count(len(mirrored), "run"), says)
    troubles = [_trouble(row, now) for mirrored in rows.values() for row in mirrored if row.trouble]
    return Group(table, *troubles)


def _trouble(row: Mirrored, now: datetime) -> Text:
    again = f"again in {age(now, row.due_at)}" if row.due_at > now else "again at once"
    return Text.assemble((f"  {row.run} {row.place}: ", "quiet"), (visible(row.trouble), "wait"), f" ({again})")


def places_json(rows: Mapping[str, Sequence[Mirrored]]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "place": name,
            "runs": len(mirrored),
            "behind": [
                {"run": row.run, "trouble": row.trouble, "tries": row.tries, "due_at": row.due_at.isoformat()}
                for row in mirrored
                if row.trouble
            ],
        }
        for name, mirrored in rows.items()
    ]

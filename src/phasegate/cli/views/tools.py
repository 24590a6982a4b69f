"""A server, its tools and their answers in the terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from phasegate.core.visible import one_line
from phasegate.team.client_servers import Imported
from phasegate.tool_access.servers import ServerState

_STYLES = {"callable": "good", "not listed": "quiet", "not granted": "wait", "never granted": "quiet"}


def show(console: Console, offered: ServerState, *, words: bool = False) -> None:
    """Print a server, and with `words` the descriptions of its tools for whoever grants it."""
    server = offered.server
    console.print(Text(server.name, style="name"), Text(server.title, style="quiet"))
    if offered.trouble:
        mark = "–" if offered.skipped else "●" if offered.waits else "✗"
        left_out = " (left out)" if offered.skipped else ""
        console.print(Text(f"  {mark} {one_line(offered.trouble)}{left_out}; {offered.fix}"), soft_wrap=True)
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    for offer in offered.offers:
        state = Text(offer.state, style=_STYLES.get(offer.state, "bad"))
        effect = offer.effect.value if offer.effect else ""
        last = one_line(offer.words) if words else ", ".join(offer.roles)
        table.add_row(one_line(offer.name), effect, state, Text(last, style="quiet"))
    console.print(table)


def show_imported(console: Console, server: Imported) -> None:
    """Print what became of a server of a client, and what a person does next."""
    if server.error:
        console.print(Text(f"✗ {server.name}: {server.error.full_text}", style="bad"), soft_wrap=True)
        return
    console.print(Text("✓", style="good"), Text(f"tools/{server.name}.yaml: it {server.runs}"), soft_wrap=True)
    for note in server.notes:
        console.print(Text(f"  {note}", style="quiet"), soft_wrap=True)
    if server.to_set:
        console.print(f"  → set where Phasegate runs: {', '.join(server.to_set)}", soft_wrap=True)
    console.print(f"  → start it and read its tools: phasegate tools grant {server.name}", soft_wrap=True)
    console.print(f"  → name tools and roles in tools/{server.name}.yaml, and grant it again", soft_wrap=True)


# Columns of a value in a table; the JSON has all of it.
_CELL = 60


def show_answer(console: Console, data: Any) -> None:
    """Print structured content for a person: rows as tables, and all else by name."""
    if isinstance(data, Mapping) and set(data) == {"result"}:  # how servers wrap an answer that is no object
        data = data["result"]
    if isinstance(data, str):
        console.print(Text(data), soft_wrap=True)
        return
    for name, rows in _tables(data):
        if name:
            console.print(Text(f"{one_line(name)}: {len(rows) or 'none'}", style="name"))
        if rows:
            console.print(_table(rows))
    others = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _others(data):
        others.add_row(Text(one_line(name), style="quiet"), Text(_value(value), overflow="fold"))
    if others.row_count:
        console.print(others)


def _tables(data: Any) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    named = data.items() if isinstance(data, Mapping) else [("", data)]
    return ((str(name), value) for name, value in named if _is_rows(value))


def _others(data: Any) -> Iterator[tuple[str, Any]]:
    named = data.items() if isinstance(data, Mapping) else [("", data)]
    return ((str(name), value) for name, value in named if not _is_rows(value) and value != "")


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(*map(one_line, names), box=None, padding=(0, 2, 0, 0), header_style="quiet")
    for row in rows:
        table.add_row(*(Text(_cut(_value(row.get(name)))) for name in names))
    return table


def _value(value: Any) -> str:
    if isinstance(value, str):
        return one_line(value)
    return "–" if value is None else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else f"{set_cell_size(text, _CELL - 1).rstrip()}…"

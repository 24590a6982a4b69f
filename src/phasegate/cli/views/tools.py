"""A server and its tools in the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phasegate.core.visible import one_line
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

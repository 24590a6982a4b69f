"""Plays the demonstration with a manager who approves, and draws what the terminal shows into docs/images/.

Run it from the top of the repository: `python docs/record.py`.
"""

import asyncio
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from phasegate.app import App, open_app
from phasegate.cli.console import THEME
from phasegate.cli.follow import Follower, Screen, Watcher
from phasegate.cli.views.demo import result_view
from phasegate.cli.views.gate import gate_summary
from phasegate.cli.worker import hosted
from phasegate.core import SystemClock
from phasegate.demo.aws_account import Account, account
from phasegate.demo.repository import lay_demo, read_result
from phasegate.ledger import DecisionKind, Entry, PrivateKey, Run
from phasegate.reports.artifacts import receipts
from phasegate.reports.gate import GateView, view_gate
from phasegate.reports.progress import PhaseProgress, State, Step

IMAGES = Path(__file__).parent / "images"
WIDTH = 92
BY = "ada"


class Photographer(Screen):
    """Watches, and keeps the picture of the moment when the tests are the last thing that is at work in the build."""

    taken: RenderableType = ""

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Entry]) -> None:
        """Keeps the picture, if this is the moment."""
        picture = self.picture(run, phases)
        working = {step.name for phase in phases if phase.id == "build" for step in phase.steps if _works(step)}
        if working == {"tests-pass", "coverage"}:
            self.taken = picture


def _works(step: Step) -> bool:
    return step.state is State.working


async def play(folder: Path, place: Account) -> None:
    """The demonstration from spec to release, and its pictures."""
    key = PrivateKey.generate()
    spec = lay_demo(folder, place.address, (BY, key), SystemClock())
    photographer = Photographer(Console())
    async with open_app(folder) as app:
        run = await app.start(spec)
        async with hosted(app):
            gates = await _approve_all(app, run.id, key, photographer)
        report = receipts(await app.ledger.events(run.id))["smoke"]
        result = result_view(read_result(app.folder.file(report["report"]), place.volumes))
    draw("demo", "phasegate demo", [photographer.taken, Text("⋮", "quiet"), result])
    draw("gate", f"phasegate gate {run.id}", [gate_summary(gates[3])])


async def _approve_all(app: App, run_id: str, key: PrivateKey, watcher: Watcher) -> Sequence[GateView]:
    """Approves at each gate.

    Returns:
        What each showed.
    """
    follower = Follower(app=app, run_id=run_id)
    seen: list[GateView] = []
    while True:
        run, gate = await follower.until_it_stands(watcher)
        if gate is None:
            assert run.status.ended, run.note
            return seen
        seen.append(await view_gate(app, gate))
        await app.decide(gate, DecisionKind.approve, app.person(BY), key, digest=gate.digest)


def draw(name: str, command: str, parts: Sequence[RenderableType]) -> None:
    """Writes a picture of a terminal in which the command has printed these parts."""
    console = Console(record=True, width=WIDTH, theme=THEME, force_terminal=True, file=io.StringIO(), highlight=False)
    console.print(Text.assemble(("$ ", "quiet"), (command, "name")))
    for part in parts:
        console.print(part)
    picture = console.export_svg(title="phasegate", theme=SVG_EXPORT_THEME, unique_id=name)
    IMAGES.mkdir(exist_ok=True)
    # The font is the reader's own: a picture in the docs fetches nothing.
    (IMAGES / f"{name}.svg").write_text(re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.S), encoding="utf-8")


def main() -> None:
    """Serves the account, plays, draws."""
    with account() as place, tempfile.TemporaryDirectory() as top:
        asyncio.run(play(Path(top) / "demo", place))


if __name__ == "__main__":
    main()

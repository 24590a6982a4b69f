"""Start a spec from a sentence."""

from pathlib import Path

from phasegate.app import read_config
from phasegate.cli.console import output
from phasegate.cli.here import given_clock
from phasegate.cli.run import recording_roles, work
from phasegate.scaffold.new_repository import new_intent
from phasegate.workspace import Workspace


async def new(
    sentence: str,
    name: str,
    only: bool,
    detach: bool,
    record: Path | None,
    replay: Path | None,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Write the spec's folder, and begin a run of it."""
    roles = recording_roles(record, replay, elsewhere=detach or only)
    folder = Workspace.open(Path.cwd()).folder
    read_config(folder)
    place = new_intent(folder, sentence, given_clock(), name=name)
    output().print(f"[good]✓[/] {place}/spec.md", soft_wrap=True)
    if only:
        output().print(f"→ phasegate run {place}", soft_wrap=True)
        return
    await work(folder / place, None, "", roles, detach, (manager, passphrase_file))

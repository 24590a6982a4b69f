"""Start a spec from a sentence."""

from pathlib import Path

from phasegate.cli.console import output
from phasegate.cli.here import given_clock, open_here
from phasegate.cli.run import recording_roles, work
from phasegate.scaffold.new_repository import new_intent


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
    async with open_here() as app:
        if not only:
            app.require_author_of_intents()  # before the folder is written, which a second try would number anew
        folder = app.folder.path
    place = new_intent(folder, sentence, given_clock(), name=name)
    output().print(f"[good]✓[/] {place}/spec.md", soft_wrap=True)
    if only:
        output().print(f"→ phasegate run {place}", soft_wrap=True)
        return
    await work(folder / place, None, "", roles, detach, (manager, passphrase_file))

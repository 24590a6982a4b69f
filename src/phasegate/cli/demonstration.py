"""The demonstration beside its account, from the spec to the result."""

import getpass
from collections.abc import Sequence
from pathlib import Path

from phasegate.app import App, open_app
from phasegate.cli.console import output
from phasegate.cli.here import given_clock
from phasegate.cli.interactive import attend
from phasegate.cli.keys import demo_keys, interactive, new_passphrase
from phasegate.cli.status import summary
from phasegate.cli.views.demo import left, onward, result_view
from phasegate.core import InvalidInput, Parked, PhasegateError
from phasegate.demo.aws_account import Account
from phasegate.demo.repository import POLICY, SENTENCE, lay_demo, read_result
from phasegate.ledger import Entry, PrivateKey, Run, RunStatus, write_key
from phasegate.reports.artifacts import receipts
from phasegate.reports.recorded import NOTICE
from phasegate.workspace import Workspace


async def demonstrate(folder: Path, place: Account, *, resumed: bool, scripted: bool) -> None:
    """Go on with the demonstration in a folder, or begin one there, while its account is served."""
    await (_resumed(folder, place) if resumed else _begun(folder, place, scripted=scripted))


async def _begun(folder: Path, place: Account, *, scripted: bool) -> None:
    console, person = output(), interactive()
    console.print(f"Demonstration in {folder}: account {place.address}, {len(place.volumes)} volumes", soft_wrap=True)
    if scripted:
        console.print(f'The wish: "{SENTENCE}"', soft_wrap=True)
    key = _key() if person else None
    if not person:
        console.print(
            f"No terminal, so no person: the policy '{POLICY}' decides at every gate, and what it passes is marked "
            "unreleasable.",
            style="wait",
        )
    manager = (getpass.getuser(), key[0]) if key else None
    spec = lay_demo(folder, place.address, manager, given_clock(), scripted=scripted)
    if key:
        write_key(demo_keys(Workspace.open(folder).state) / f"{getpass.getuser()}.key", key[1])
    async with open_app(folder, clock=given_clock()) as app:
        run = await app.start(spec.resolve(), "" if person else POLICY)
        await _followed(app, run, place)


async def _resumed(folder: Path, place: Account) -> None:
    async with open_app(folder, clock=given_clock()) as app:
        runs = await app.ledger.runs()
        if not runs:
            raise InvalidInput(f"the demonstration in '{folder}' has no run", fix="name a folder that is not there yet")
        if runs[0].status.ended:
            await _ended(app, runs[0], place)
            return
        before = await app.ledger.events(runs[0].id)
        await _followed(app, await app.resume(runs[0].id), place, before)


async def _followed(app: App, run: Run, place: Account, before: Sequence[Entry] = ()) -> None:
    """Follow the run to its end, or until the person at the terminal leaves it at a gate."""
    if app.recorded:
        output().print(NOTICE, style="wait", soft_wrap=True)
    try:
        ended = await attend(app, run.id, (None, None), before)
    except Parked:
        stands = await app.ledger.run(run.id)
        if not interactive() or stands.status is not RunStatus.waiting:
            raise
        output().print(left(app.folder.path, stands), soft_wrap=True)
        return
    await _ended(app, ended, place)


def _key() -> tuple[PrivateKey, bytes]:
    """The key of the person at the terminal, and the bytes of its file under their passphrase."""
    name = getpass.getuser()
    output().print(f"You are the manager, '{name}': you decide at each gate, with a key that is made now.")
    key = PrivateKey.generate()
    return key, key.sealed(new_passphrase(None))


async def _ended(app: App, run: Run, place: Account) -> None:
    await summary(app, run)
    smoked = receipts(await app.ledger.events(run.id)).get("smoke")
    if not smoked:
        return
    result = read_result(app.folder.file(smoked["report"]), place.volumes)
    output().print(result_view(result))
    output().print(onward(app.folder.path, run))
    if not result.holds:
        raise PhasegateError("the release did not find what is there to be found", fix="please report this")

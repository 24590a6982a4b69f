"""Having somebody else decide for a while, and taking a decision back."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.text import Text

from phasegate.app import App
from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import keyring_of
from phasegate.core import UsageError, report
from phasegate.ledger import Delegation, GateRecord, Revocation
from phasegate.reports.decisions import Delegation as DelegationReport
from phasegate.reports.decisions import Ended, Revoked, drawn_up, standing, where
from phasegate.reports.gate import find_gate
from phasegate.reports.warnings import has_worker
from phasegate.workflow import delegate as sign_over
from phasegate.workflow import end_delegation

Who = tuple[str | None, Path | None]


async def delegate(
    to: str | None,
    begins: datetime | None,
    ends: datetime | None,
    gates: tuple[str, ...],
    end: bool,
    listing: bool,
    manager: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Have another manager decide for you, for a while."""
    who, narrowed = (manager, passphrase_file), bool(begins or ends or gates)
    if listing:
        if to or end or narrowed:
            raise UsageError("--list lists all that stand", fix="phasegate delegate --list")
        await _list(as_json)
    elif to is None:
        raise UsageError("who decides for you?", fix="phasegate delegate NAME --until YYYY-MM-DD, or --list")
    elif end:
        if narrowed:
            raise UsageError("--end ends all that you delegated to them", fix="leave out --from, --until and --gate")
        await _end(to, who, as_json)
    elif ends is None:
        raise UsageError("a delegation has an end", fix="--until YYYY-MM-DD")
    else:
        await _delegate(to, (begins, ends), gates, who, as_json)


async def _delegate(
    to: str, window: tuple[datetime | None, datetime], gates: Sequence[str], who: Who, as_json: bool
) -> None:
    first, last = window
    async with open_here() as app:
        ring = keyring_of(app, *who)
        given = drawn_up(app, ring.manager, to, first.date() if first else None, last.date(), tuple(gates))
        key = ring.unlock()
        await sign_over(app.keeper, given, key, app.person(ring.manager))
    _tell(given, as_json)


def _tell(given: Delegation, as_json: bool) -> None:
    if as_json:
        click.echo(report.as_json(DelegationReport.of(given)))
        return
    console = output()
    console.print(f"[good]✓[/] {_says(given)}, signed")
    console.print(f"→ end it before: phasegate delegate {given.to} --end", soft_wrap=True)


def _says(given: Delegation) -> str:
    window = f"{given.begins:%Y-%m-%d %H:%M} to the end of {given.ends:%Y-%m-%d} UTC"
    return f"{given.to} decides for {given.by} {where(given)}, {window}"


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found, now = await standing(app), app.clock.now()
    if as_json:
        click.echo(report.as_json([DelegationReport.of(given) for given in found]))
        return
    for given in found:
        later = ("; not yet", "quiet") if now < given.begins else ""
        output().print(Text.assemble(_says(given), later), soft_wrap=True)
    if not found:
        output().print("Everybody decides for themselves.")


async def _end(to: str, who: Who, as_json: bool) -> None:
    async with open_here() as app:
        ring = keyring_of(app, *who)
        key = ring.unlock()
        ended = await end_delegation(app.keeper, ring.manager, to, key, app.person(ring.manager))
    if as_json:
        click.echo(report.as_json(Ended(by=ring.manager, to=to, ended=ended)))
    else:
        output().print(f"[good]✓[/] {to} does not decide for {ring.manager} any more")


async def revoke(name: str, manager: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Take back what you decided, before the run uses it."""

    async with open_here() as app:
        gate = await _gate(app, name)
        ring = keyring_of(app, manager, passphrase_file)
        key = ring.unlock()
        made = Revocation(gate=gate.key, by=ring.manager, at=app.clock.now())
        await app.revoke(made, key, app.person(ring.manager))
        followed = await has_worker(app)
        at = int(made.at.timestamp())
        taken = Revoked(gate=str(gate.key), by=made.by, at=at, key_id=key.key_id, attended=followed)
    if as_json:
        click.echo(report.as_json(taken))
        return
    output().print(f"[good]✓[/] taken back; gate {gate.key} is void, and the run opens another")
    if not followed:
        output().print(f"→ no worker runs: phasegate run --resume {gate.key.run}, or phasegate worker", soft_wrap=True)


async def _gate(app: App, name: str) -> GateRecord:
    if "/" in name:
        return await find_gate(app, name)
    found = await app.ledger.gates((await app.ledger.run(name)).id)
    return found[-1] if found else await find_gate(app, name)

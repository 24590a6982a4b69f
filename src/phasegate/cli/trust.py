"""The root of trust at the terminal."""

from pathlib import Path

import click
from rich.text import Text

from phasegate.cli.console import output
from phasegate.cli.here import given_clock
from phasegate.cli.keys import interactive, interruptible, keyring
from phasegate.core import Parked, UsageError, report
from phasegate.reports.trust import RootView, TrustDesk, open_desk
from phasegate.trust import Change


def show(as_json: bool) -> None:
    """Show the root that counts here, and what waits for a signature."""
    view = open_desk(Path.cwd()).view()
    if as_json:
        click.echo(report.as_json(view))
        return
    _print(view)


def _print(view: RootView) -> None:
    console = output()
    for line in view.wrong:
        console.print(f"✗ {line}", style="bad", soft_wrap=True, markup=False)
    if view.version:
        style = "good" if view.standing == "held" else "wait"
        console.print(f"Root version {view.version} of {view.made_at:%Y-%m-%d %H:%M} UTC", style=style)
        console.print(f"  fingerprint  {view.fingerprint}", soft_wrap=True)
        console.print(f"  signed by    {', '.join(view.signed_by)}", soft_wrap=True)
        for row in view.managers:
            console.print(f"  manager      {row.name}  {row.public_key}", soft_wrap=True, markup=False)
        console.print(f"  threshold    {view.threshold} of {len(view.managers)}")
        console.print(f"  workflow     {view.workflow}", markup=False)
        for key in view.system:
            console.print(f"  system key   {key}", soft_wrap=True)
    if view.more:
        console.print(f"Version {view.version + 1} is signed, and waits for {view.more} more", style="wait")
    if view.waiting:
        console.print(view.waiting, style="wait", soft_wrap=True, markup=False)
    if view.fix:
        console.print(f"→ {view.fix}", soft_wrap=True, markup=False)


def diff(as_json: bool) -> None:
    """Show where the working files differ from the root."""
    desk = open_desk(Path.cwd())
    if as_json:
        click.echo(report.as_json(desk.view()))
        return
    desk.trust.require()
    _print_changes(desk.changes)
    if not desk.changes:
        output().print("[good]✓[/] the working files say what the root says")


def _print_changes(changes: tuple[Change, ...]) -> None:
    console = output()
    for change in changes:
        console.print(change.name, style="name", soft_wrap=True, markup=False)
        for line in change.lines:
            style = {"+": "added", "-": "removed"}.get(line[:1], "quiet")
            console.print(Text(f"  {line}", style), soft_wrap=True)


def sign(manager: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Sign the working files as the next version of the root."""
    desk = open_desk(Path.cwd())
    desk.require_something()
    if not as_json:
        _print_changes(desk.changes)
    ring = keyring(desk.state, desk.signed, manager, passphrase_file)
    if not passphrase_file:
        _ask(desk, ring.manager)
    signed = desk.sign(ring.manager, ring.unlock(), given_clock().now())
    view = open_desk(Path.cwd()).view()
    if as_json:
        click.echo(report.as_json(view))
        return
    console = output()
    if signed.chain.pending:
        console.print(f"Version {view.version + 1} is signed, and waits for {view.more} more", style="wait")
    else:
        console.print(f"[good]✓[/] root version {view.version}, signed by {', '.join(view.signed_by)}")
    listed = f" {desk.approvers_file}" if (desk.folder / desk.approvers_file).is_file() else ""
    console.print(f"→ git add {desk.roots_file}{listed} && git commit -m 'Root of trust'", soft_wrap=True)


def _ask(desk: TrustDesk, manager: str) -> None:
    if not interactive():
        raise UsageError("nobody is there to say that these changes are meant", fix="--passphrase-file FILE")
    with interruptible():
        if not click.confirm(f"Sign {len(desk.changes)} change(s) as {manager}?", default=False):
            raise Parked("nothing was signed", fix="change the working files, or put them back: git checkout")


def pin(fingerprint: str) -> None:
    """Know the root of this repository from now on."""
    desk = open_desk(Path.cwd())
    desk.pin(fingerprint)
    output().print(f"[good]✓[/] pinned in {desk.known_folder}", soft_wrap=True)

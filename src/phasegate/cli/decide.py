"""Gates: which wait, what one shows, and deciding."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from phasegate.app.app import App, open_app
from phasegate.cli import options
from phasegate.cli.clock import given_clock
from phasegate.cli.console import output
from phasegate.cli.grouped_commands import Command
from phasegate.cli.keys import interruptible, keyring
from phasegate.cli.views.gate import difference, gate_summary
from phasegate.core import report
from phasegate.ledger import Comment, DecisionKind, Waiver
from phasegate.reports.comments import anchored
from phasegate.reports.decisions import Receipt
from phasegate.reports.gate import GateView, find_gate, view_gate
from phasegate.reports.workers import has_worker

DECISIONS = ("approve", "request-changes", "reject", "waive")
_ANCHORED = re.compile(r"(?P<path>[^\s:]+):(?P<line>[0-9]+):\s*(?P<text>.+)", re.DOTALL)


@click.command(cls=Command)
@click.argument("name", metavar="GATE")
@click.option("--full", is_flag=True, help="Show every line of the difference.")
@options.as_json
async def gate(name: str, full: bool, as_json: bool) -> None:
    """Show a gate: what changed, findings, evidence.

    GATE is RUN/PHASE/ATTEMPT; RUN alone is its open gate. A manager decides on exactly what is shown: its digest goes
    into the decision.
    """
    async with open_app(Path.cwd(), clock=given_clock()) as app:
        view, now = await view_gate(app, await find_gate(app, name)), app.clock.now()
    if as_json:
        click.echo(report.as_json(view.report()))
    else:
        _show(view, full, now)


def _show(view: GateView, full: bool, now: datetime) -> None:
    console = output()
    console.print(difference(view.changes, whole=full), soft_wrap=True)
    console.print(gate_summary(view, now))
    console.print()
    console.print("Digest ", style="name", end="")
    console.print(view.gate.digest, soft_wrap=True)
    if view.decision is None:
        console.print(f"→ phasegate decide {view.gate.key} approve --digest {view.gate.digest}", soft_wrap=True)


@click.command(cls=Command)
@click.argument("name", metavar="GATE")
@click.argument("decision", type=click.Choice(DECISIONS))
@click.option("--digest", required=True, metavar="D", help="The digest that 'phasegate gate' showed.")
@click.option(
    "--comment", "comments", multiple=True, metavar="[PATH:LINE:]TEXT", help="What to change; may be repeated."
)
@click.option("--waive", "rules", multiple=True, metavar="CHECK/RULE", help="A rule to except; may be repeated.")
@click.option("--owner", default="", help="Who owns the exception.")
@click.option("--reason", default="", help="Why there is an exception.")
@click.option("--expires", default="", metavar="YYYY-MM-DD", help="Until when it holds.")
@options.manager
@options.passphrase_file
@options.as_json
async def decide(
    name: str,
    decision: str,
    digest: str,
    comments: tuple[str, ...],
    rules: tuple[str, ...],
    owner: str,
    reason: str,
    expires: str,
    manager: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Decide at a gate, signed with your key.

    The passphrase is asked for each time; --passphrase-file reads it from a file.
    """
    waiver = Waiver(rules=rules, owner=owner, reason=reason, expires=expires) if decision == "waive" else None
    async with open_app(Path.cwd(), clock=given_clock()) as app:
        gate = await find_gate(app, name)
        anchored = parse_comments(app, gate.commit, comments)
        ring = keyring(app.state, app.config, manager, passphrase_file)
        with interruptible():
            key = ring.unlock()
        taken = await app.decide(
            gate, DecisionKind(decision), ring.manager, key, digest=digest, comments=anchored, waiver=waiver
        )
        followed = await has_worker(app)
    if as_json:
        click.echo(report.as_json(Receipt.given(taken, attended=followed)))
        return
    output().print(f"[good]✓[/] {taken.statement.kind} by {taken.statement.by} at {gate.key}, signed")
    if not followed and taken.statement.kind is not DecisionKind.reject:
        output().print(f"→ no worker runs: phasegate run --resume {gate.key.run}, or phasegate worker", soft_wrap=True)


def parse_comments(app: App, commit: str, texts: Sequence[str]) -> tuple[Comment, ...]:
    """Parse comments as they were typed, anchored by a leading `PATH:LINE:`.

    Raises:
        UsageError: the gate's tree has no such file or line.
    """
    return tuple(_comment(app, commit, text) for text in texts)


def _comment(app: App, commit: str, text: str) -> Comment:
    match = _ANCHORED.fullmatch(text.strip())
    if match is None:
        return Comment(text=text.strip())
    return anchored(app, commit, match["path"], int(match["line"]), match["text"])

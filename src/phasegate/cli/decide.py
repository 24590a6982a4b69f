"""Gates: which wait, what one shows, and deciding."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from phasegate.app import App
from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import keyring_of
from phasegate.cli.views.gate import difference, gate_summary
from phasegate.core import report
from phasegate.ledger import Comment, DecisionKind, Waiver
from phasegate.reports.artifacts import anchored
from phasegate.reports.decisions import Receipt
from phasegate.reports.gate import GateView, find_gate, view_gate
from phasegate.reports.questions import answers_at
from phasegate.reports.warnings import has_worker

_ANCHORED = re.compile(r"(?P<path>[^\s:]+):(?P<line>[0-9]+):\s*(?P<text>.+)", re.DOTALL)


async def gate(name: str, full: bool, as_json: bool) -> None:
    """Show a gate: what changed, findings, evidence."""
    async with open_here() as app:
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
        says = "request-changes" if view.questions else "approve"
        answers = "".join(f' --answer {each.number}="TEXT"' for each in view.questions)
        line = f"→ phasegate decide {view.gate.key} {says} --digest {view.gate.digest}{answers}"
        console.print(line, soft_wrap=True, markup=False)


async def decide(
    name: str,
    decision: str,
    digest: str,
    comments: tuple[str, ...],
    answers: tuple[tuple[int, str], ...],
    rules: tuple[str, ...],
    owner: str,
    reason: str,
    expires: str,
    manager: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Decide at a gate, signed with your key."""
    waiver = Waiver(rules=rules, owner=owner, reason=reason, expires=expires) if decision == "waive" else None
    async with open_here() as app:
        gate = await find_gate(app, name)
        said = await answers_at(app, gate, DecisionKind(decision), dict(answers))
        anchored = (*said, *parse_comments(app, gate.commit, comments))
        ring = keyring_of(app, manager, passphrase_file)
        key = ring.unlock()
        taken = await app.decide(
            gate, DecisionKind(decision), app.person(ring.manager), key, digest=digest, comments=anchored, waiver=waiver
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

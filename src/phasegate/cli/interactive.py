"""A manager at the terminal: follows a run, reads each gate, decides."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import click
from rich.console import Console

from phasegate.app import App
from phasegate.cli.console import errors_to, output
from phasegate.cli.decide import parse_comments
from phasegate.cli.follow import Follower, Lines, Screen, so_far
from phasegate.cli.keys import Keyring, interactive, interruptible, keyring_of
from phasegate.cli.views.findings import blocking_lines, failure
from phasegate.cli.views.gate import difference, gate_summary
from phasegate.cli.worker import delivering, hosted
from phasegate.core import Gone, Parked, Refused, UsageError, visible
from phasegate.core.formatting import count
from phasegate.keyholder import HeldKey
from phasegate.ledger import Comment, DecisionKind, Entry, GateRecord, Run, RunStatus, Waiver
from phasegate.reports.gate import GateView, view_gate
from phasegate.reports.progress import progress
from phasegate.reports.questions import answers_at
from phasegate.workflow import rule_of

HELD_SECONDS = 3600.0
"""For how long one passphrase serves decisions at the gates of a run that a person attends."""
INLINE_LINES = 30
"""A difference of at most so many lines is shown at once; a longer one is read on demand."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A manager's choice at a gate."""

    kind: DecisionKind
    comments: tuple[Comment, ...] = ()
    waiver: Waiver | None = None


@dataclass(kw_only=True)
class Attendance:
    """The dialogue of one person with one run."""

    app: App
    console: Console
    manager: str | None
    passphrase_file: Path | None
    before: Sequence[Entry] = ()
    """What had happened before the person came."""
    asks: bool = True
    """Whether somebody is there to be asked, as far as the command knows."""
    _key: HeldKey | None = field(default=None, init=False)

    async def until_the_end(self, run_id: str) -> Run:
        """Follows the run from gate to gate.

        Raises:
            Parked: it waits for a person who is not here, or it stopped.
        """
        follower = Follower(app=self.app, run_id=run_id, seen=list(self.before))
        if self.before and not self.console.is_terminal:  # the live picture shows every phase as it is
            self.console.print(so_far(progress(self.app.flow, self.before), self.before), soft_wrap=True, markup=False)
        while True:
            with self._watcher() as watcher:
                run, gate = await follower.until_it_stands(watcher)
            if gate is None:
                return _ended(run)
            view = await view_gate(self.app, gate)
            if not (self.asks and interactive()):
                raise waits(view)
            await self._decide(view)

    def forget(self) -> None:
        """Have the key forgotten, where one is held."""
        if self._key:
            self._key.close()
        self._key = None

    def _watcher(self) -> Screen | Lines:
        return Screen(self.console, self.app.clock) if self.console.is_terminal else Lines(self.console, self.app.clock)

    async def _decide(self, view: GateView) -> None:
        self._show(view)
        ring = keyring_of(self.app, self.manager, self.passphrase_file)
        # Another approver has to come: asked again, this person could only decide the same thing twice.
        if view.said_by(ring.manager):
            raise waits(view)
        while True:
            with interruptible():
                choice = await self._ask(view)
            try:
                await self._sign(view, ring, choice)
            except Refused as refusal:
                self.console.print(failure(refusal))
                # Somebody else was faster: there is another gate to look at, or none.
                if refusal.reason in ("already_decided", "gate_void"):
                    return
                continue
            return

    async def _sign(self, view: GateView, ring: Keyring, choice: Choice) -> None:
        # The key stays unlocked from gate to gate, as a session of the page does, except where a gate asks who is there
        # now.
        key = self._key
        if key is None or not key.is_held() or view.phase.gate.reauthenticate:
            if view.phase.gate.reauthenticate:
                self.console.print("This gate asks who you are, each time.", style="quiet")
            self.forget()
            key = self._key = ring.unlock(decisions_for=HELD_SECONDS)
        taken = await self.app.decide(
            view.gate,
            choice.kind,
            self.app.person(ring.manager),
            key,
            digest=view.gate.digest,
            comments=choice.comments,
            waiver=choice.waiver,
        )
        self.console.print(f"[good]✓[/] {taken.statement.kind} by {taken.statement.by}, signed\n")

    def _show(self, view: GateView) -> None:
        self.console.print()
        if sum(len(change.lines) for change in view.changes) <= INLINE_LINES:
            self.console.print(difference(view.changes, whole=True), soft_wrap=True)
        self.console.print(gate_summary(view, self.app.clock.now()))
        self.console.print()

    async def _ask(self, view: GateView) -> Choice:
        while True:
            match self._letter(view):
                case "a":
                    return Choice(kind=DecisionKind.approve)
                case "c":
                    comments = (*await self._answers(view), *self._comments(view.gate))
                    if comments:
                        return Choice(kind=DecisionKind.request_changes, comments=comments)
                case "w":
                    return Choice(kind=DecisionKind.waive, waiver=self._waiver(view))
                case "r" if click.confirm("Reject, and end this run?", err=True):
                    return Choice(kind=DecisionKind.reject)
                case "d":
                    self._page(view)
                case "q":
                    raise waits(view)

    def _letter(self, view: GateView) -> str:
        first = "[name]w[/] waive" if view.blocking else "[name]a[/] approve"
        self.console.print(
            f"{first} · [name]c[/] request changes · [name]r[/] reject · [name]d[/] difference · [name]q[/] quit"
        )
        letters = ["w" if view.blocking else "a", "c", "r", "d", "q"]
        return str(click.prompt("Decision", type=click.Choice(letters), show_choices=False, err=True))

    def _page(self, view: GateView) -> None:
        with self.console.capture() as captured:
            self.console.print(difference(view.changes, whole=True), soft_wrap=True)
        # no color=True: it keeps click from telling 'less' to show colours (-R), and the pager shows escape codes
        click.echo_via_pager(captured.get())

    async def _answers(self, view: GateView) -> tuple[Comment, ...]:
        if view.questions:
            self.console.print("An empty line leaves a question open.", style="quiet")
        given: dict[int, str] = {}
        for each in view.questions:
            self.console.print(f"{each.number}. {visible(each.text)}", markup=False, soft_wrap=True)
            given[each.number] = click.prompt("Answer", default="", show_default=False, err=True)
        return await answers_at(self.app, view.gate, DecisionKind.request_changes, given)

    def _comments(self, gate: GateRecord) -> tuple[Comment, ...]:
        self.console.print(
            "One comment a line; PATH:LINE: in front gives it a place. An empty line ends.", style="quiet"
        )
        comments: list[Comment] = []
        while text := click.prompt("Comment", default="", show_default=False, err=True):
            try:
                comments += parse_comments(self.app, gate.commit, [text])
            except UsageError as error:
                self.console.print(failure(error))
        return tuple(comments)

    def _waiver(self, view: GateView) -> Waiver:
        rules = tuple(sorted({rule_of(finding) for finding in view.blocking}))
        self.console.print(f"An exception from: {', '.join(rules)}", markup=False)
        month = (self.app.clock.now() + timedelta(days=30)).date().isoformat()
        return Waiver(
            rules=rules,
            owner=click.prompt("Owner", default=self.manager or self.app.workspace.user.name, err=True),
            reason=click.prompt("Reason", err=True),
            expires=click.prompt("Expires", default=month, type=_Day(), err=True),
        )


class _Day(click.ParamType[str]):
    """A date, asked for again where the input is none, so that a slip loses nothing that was typed before it."""

    name = "day"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the date as it was typed."""
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            self.fail(f"'{value}' is not a date; write YYYY-MM-DD", param, ctx)


async def attend(
    app: App, run_id: str, who: tuple[str | None, Path | None], before: Sequence[Entry] = (), *, asks: bool = True
) -> Run:
    """Hosts a worker, and follows the run to its end with the person at the terminal.

    Args:
        app: where.
        run_id: which run.
        who: the manager's name and the file of the passphrase, where these were given.
        before: the events that were there already; they are summed up in a line.
        asks: whether the person is asked at gates; False: standard output is a program's, so all is told elsewhere.

    Raises:
        Parked: it waits for a person who is not here, was left, or stopped.
        Gone: the repository was moved or removed.
    """
    console = output() if asks else errors_to()
    attendance = Attendance(app=app, console=console, manager=who[0], passphrase_file=who[1], before=before, asks=asks)
    try:
        async with hosted(app, run_id), delivering(app, run_id):
            return await attendance.until_the_end(run_id)
    except Gone as error:
        if error.is_kept:
            error.fix += f"\n  then: phasegate run --resume {run_id}"
        raise
    except (asyncio.CancelledError, KeyboardInterrupt, click.Abort):
        console.print(f"\nStopped; nothing is lost.\n→ phasegate run --resume {run_id}")
        raise
    finally:
        attendance.forget()


def waits(view: GateView) -> Parked:
    """Says that the run waits at this gate, why a person is needed there, and how to go on."""
    gate = view.gate
    whom = f"{view.missing} more approval(s), by others" if view.said else "a manager"
    number = len(view.blocking)
    why = f"; it is not approved while {count(number, 'finding')} block{'s' * (number == 1)}" if number else ""
    return Parked(
        f"run '{gate.key.run}' waits at the {view.phase.gate.name} for {whom}{why}",
        fix="\n  ".join(
            [
                f"read it:   phasegate gate {gate.key}",
                *blocking_lines(view.blocking),
                f"decide:    phasegate decide {gate.key} {_decision(view)}",
                f"go on:     phasegate run --resume {gate.key.run}",
            ]
        ),
    )


def _decision(view: GateView) -> str:
    """Return the words of a decision that the gate takes as it is."""
    digest = f"--digest {view.gate.digest}"
    if view.questions:
        return f"request-changes {digest}" + "".join(f' --answer {each.number}="TEXT"' for each in view.questions)
    if not view.blocking:
        return f"approve {digest}"
    rules = " ".join(f"--waive {rule}" for rule in sorted({rule_of(finding) for finding in view.blocking}))
    return (
        f'request-changes {digest} --comment "TEXT"\n'
        f'  or:        phasegate decide {view.gate.key} waive {digest} {rules} --owner NAME --reason "TEXT" '
        "--expires YYYY-MM-DD"
    )


def _ended(run: Run) -> Run:
    if run.status is RunStatus.parked:
        message, _, fix = run.note.partition("\n")
        onward = f"then: phasegate run --resume {run.id}"
        raise Parked(f"run '{run.id}' is parked: {message}", fix=f"{fix}\n  {onward}" if fix else onward)
    return run

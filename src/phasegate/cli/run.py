"""Runs: starting, following, hosting a worker, and where they are."""

import asyncio
import logging
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phasegate.cli import options
from phasegate.cli.clock import given_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rich.console import RenderableType

    from phasegate.app.app import App
    from phasegate.ledger import Event, Run

DELIVERY_S = 20.0
"""How long a command waits at its end for the channels."""
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@click.command()
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("--resume", metavar="RUN", help="Go on with a run that waits or stands.")
@click.option("--detach", is_flag=True, help="Leave the work to a worker that outlives this terminal.")
@click.option("--policy", default="", metavar="NAME", help="A gate policy that may decide in your place.")
@options.manager
@options.passphrase_file
def run(
    spec: Path | None,
    resume: str | None,
    detach: bool,
    policy: str,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Take a spec through its phases.

    SPEC is a spec's folder, or its spec.md. At each gate you are shown what changed, and asked; without a terminal it
    stops there with exit code 6, and says how to go on.
    """
    if (spec is None) == (resume is None):
        raise click.UsageError("Name a SPEC, or --resume RUN.")
    if resume and policy:
        raise click.UsageError("A run keeps the policy that it was started with.")
    asyncio.run(_run(spec, resume, detach, policy, (manager, passphrase_file)))


async def _run(
    spec: Path | None, resume: str | None, detach: bool, policy: str, who: tuple[str | None, Path | None]
) -> None:
    from phasegate.app.app import open_app
    from phasegate.cli.console import output
    from phasegate.hosting.background_worker import detach as leave

    console = output()
    async with open_app(Path.cwd(), clock=given_clock()) as app:
        before = await app.ledger.events((await app.ledger.run(resume)).id) if resume else []
        started = await (app.start(spec, policy) if spec else app.resume(resume or ""))
        if spec:
            name_left_out(app, started.spec)
            warn(app)
        if detach:
            process = await leave(app)
            console.print(
                f"run {started.id}: " + (f"worker {process} takes it" if process else "the standing worker takes it")
            )
            console.print(f"→ phasegate status {started.id}")
            return
        ended = await attend(app, started.id, who, before)
        await summary(app, ended)


def name_left_out(app: "App", spec: str) -> None:
    """Say which files of the spec's folder the run does not take in, and why."""
    from rich.text import Text

    from phasegate.cli.console import errors_to
    from phasegate.core import visible

    for path, why in app.folder.left_out(spec).items():
        errors_to().print(Text(visible(f"Left out: {path}; {why}."), "wait"), soft_wrap=True)


def warn(app: "App") -> None:
    """Says which of the managers' files the run does not see."""
    from phasegate.cli.console import errors_to
    from phasegate.reports.uncommitted import not_committed

    waiting = not_committed(app.workspace, app.config)
    if waiting:
        errors_to().print(
            f"Not committed: {', '.join(waiting)}. What this run releases lists the approvers of its commit.\n"
            f"→ git add {' '.join(waiting)} && git commit -m 'Managers'",
            style="wait",
            soft_wrap=True,
        )


async def attend(app: "App", run_id: str, who: tuple[str | None, Path | None], before: "Sequence[Event]" = ()) -> "Run":
    """Hosts a worker, and follows the run to its end with the person at the terminal.

    Args:
        app: where.
        run_id: which run.
        who: the manager's name and the file of the passphrase, where these were given.
        before: the events that were there already; they are summed up in a line.

    Raises:
        Parked: it waits for a person who is not here, was left, or stopped.
    """
    from phasegate.cli.console import output
    from phasegate.cli.interactive import Attendance

    console = output()
    attendance = Attendance(app=app, console=console, manager=who[0], passphrase_file=who[1], before=before)
    try:
        async with hosted(app, run_id), delivering(app, run_id):
            return await attendance.until_the_end(run_id)
    except (asyncio.CancelledError, KeyboardInterrupt, click.Abort):
        console.print(f"\nStopped; nothing is lost.\n→ phasegate run --resume {run_id}")
        raise


@asynccontextmanager
async def delivering(app: "App", run_id: str) -> "AsyncIterator[None]":
    """Waits at the end, for a while, until the channels were told of the run; says in a line what they were not."""
    from phasegate.core import PhasegateError

    try:
        yield
    except PhasegateError:
        await _deliver(app, run_id)
        raise
    await _deliver(app, run_id)


async def _deliver(app: "App", run_id: str) -> None:
    from phasegate.cli.console import errors_to
    from phasegate.notifications.undelivered import delivered

    names = ", ".join(app.config.mirror.places)
    if not names:
        return
    console = errors_to()
    with console.status(f"telling {names}"):
        left = await delivered(app, run_id, DELIVERY_S)
    if left:
        troubles = [f"{each.mirrored.place} ({each.mirrored.trouble or 'not in time'})" for each in left]
        console.print(f"Not told yet: {'; '.join(troubles)}", style="wait", soft_wrap=True, markup=False)
        console.print("→ phasegate mirror status", soft_wrap=True)


@asynccontextmanager
async def hosted(app: "App", run_id: str = "") -> "AsyncIterator[None]":
    """A worker in this process, with its log in the repository's state folder.

    Args:
        app: where.
        run_id: the run that somebody attends here: it is taken first, and they are told when it cannot go on.

    Raises:
        Lost: others took over what the worker was at.
        Exhausted: its files are gone; or, of an attended run, that nothing can be stored.
    """
    from phasegate.core.files import open_owned
    from phasegate.hosting.background_worker import LOG
    from phasegate.hosting.gate_timers import watching
    from phasegate.hosting.worker import ending_with, worker_of
    from phasegate.notifications import mirroring

    with open_owned(app.state / LOG, "a") as log:
        _log_to(logging.StreamHandler(log))
        worker = worker_of(app)
        await asyncio.to_thread(worker.start, run_id)
        try:
            async with ending_with(worker, run_id), watching(app), mirroring(app):
                yield
        finally:
            await asyncio.to_thread(worker.stop)
            _log_to(logging.NullHandler())


class _Formatter(logging.Formatter):
    """Writes no secret into a log, whoever logged it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        from phasegate.core.secrets import without_secrets

        return without_secrets(super().format(record))


def _log_to(handler: logging.Handler) -> None:
    """Sends the log of ours and of the queue's library there, and nowhere else."""
    handler.setFormatter(_Formatter(LOG_FORMAT))
    for name in ("phasegate", "dbos"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False


async def summary(app: "App", run: "Run") -> None:
    """Says where everything lies that the run made."""
    from phasegate.cli.console import output
    from phasegate.cli.views.summary import run_summary
    from phasegate.reports.outputs import made

    console = output()
    console.print()
    events = await app.ledger.events(run.id)
    things = await made(app, run, events)
    console.print(run_summary(run, things, await _elsewhere(app, run, events), unreleasable=_unreleasable(app, run)))


async def _elsewhere(app: "App", run: "Run", events: "Sequence[Event]") -> "list[RenderableType]":
    from phasegate.cli.views.summary import elsewhere
    from phasegate.reports.external_links import by_hand, outside

    return elsewhere(await outside(app, run.id, events), by_hand(events))


def _unreleasable(app: "App", run: "Run") -> bool:
    from phasegate.core import InvalidInput

    try:
        return bool(run.policy) and app.folder.unreleasable(run.policy)
    except InvalidInput:
        return True  # the policy's file is gone: nobody can say that it marked nothing


@click.command()
@click.option("--lease", default="", hidden=True, help="The lease that was begun for this process.")
@click.option("--install", is_flag=True, help="Write a systemd user unit that keeps a worker running, and stop.")
@click.option("--uninstall", is_flag=True, help="Remove that unit, and stop.")
def worker(lease: str, install: bool, uninstall: bool) -> None:
    """Take segments of runs until stopped.

    --install and --uninstall write and remove a file, and print the commands that systemd needs; they run none.
    """
    if install and uninstall:
        raise click.UsageError("--install and --uninstall exclude each other.")
    if install or uninstall:
        asyncio.run(_unit(remove=uninstall))
    else:
        asyncio.run(_worker(lease))


async def _unit(*, remove: bool) -> None:
    from phasegate.app.app import open_app
    from phasegate.cli.console import output
    from phasegate.hosting.systemd import install, uninstall, unit_name

    console = output()
    async with open_app(Path.cwd(), clock=given_clock()) as app:
        folder, project = app.folder.path, app.config.project.name
    name = unit_name(folder)
    if not remove:
        console.print(f"wrote {install(folder, project, os.environ)}", soft_wrap=True, markup=False)
        console.print(f"→ systemctl --user daemon-reload && systemctl --user enable --now {name}", soft_wrap=True)
        console.print("→ loginctl enable-linger    (so that it runs while you are logged out)", soft_wrap=True)
    elif path := uninstall(folder, os.environ):
        console.print(f"removed {path}", soft_wrap=True, markup=False)
        console.print(f"→ systemctl --user disable --now {name}; systemctl --user daemon-reload", soft_wrap=True)
    else:
        console.print("There is no unit of this repository.")


async def _worker(lease: str) -> None:
    from phasegate.app.app import open_app
    from phasegate.hosting.gate_timers import watching
    from phasegate.hosting.worker import ending_with, worker_of
    from phasegate.notifications import mirroring

    _log_to(logging.StreamHandler())
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_app(Path.cwd(), clock=given_clock()) as app:
        taking = worker_of(app, lease)
        await asyncio.to_thread(taking.start)
        click.echo(f"worker {taking.executor} takes segments of {app.folder.path}; Ctrl-C stops it", err=True)
        try:
            async with ending_with(taking), watching(app), mirroring(app):
                await stopped.wait()
        finally:
            await asyncio.to_thread(taking.stop)
    click.echo("stopped; what it was at is taken up again by the next worker", err=True)


@click.command()
@click.argument("name", metavar="[RUN]", required=False)
@options.limit
@options.everything
@options.as_json
def status(name: str | None, limit: int | None, everything: bool, as_json: bool) -> None:
    """Show runs, or one run's phases.

    The newest runs come first, 20 at most; for programs all of them, where no limit is given.
    """
    asyncio.run(_status(name, options.most(limit, everything or as_json), as_json))


async def _status(name: str | None, most: int, as_json: bool) -> None:
    from phasegate.app.app import open_app

    async with open_app(Path.cwd(), clock=given_clock(), parse_prompts=not name) as app:
        await (_one(app, name, as_json) if name else _all(app, most, as_json))


async def _all(app: "App", most: int, as_json: bool) -> None:
    from phasegate.cli.console import output
    from phasegate.cli.views.lists import more, runs_table
    from phasegate.hosting.background_worker import has_worker, nobody_works, unattended
    from phasegate.reports import report
    from phasegate.reports.broken_records import broken_records
    from phasegate.reports.run import Run

    runs, lives, console = await app.ledger.runs(limit=most), await has_worker(app), output()
    if as_json:
        click.echo(report.as_json([Run.of(run, attended=lives) for run in runs]))
        return
    if not runs:
        console.print("No run yet.\n→ phasegate run specs/NNN-name")
        return
    console.print(runs_table(runs, app.clock.now(), attended=lives))
    left = await app.ledger.count_runs() - len(runs)
    if left:
        console.print(more(left, f"phasegate status --limit {len(runs) * 10}"), soft_wrap=True)
    if idle := await unattended(app):
        console.print(nobody_works(idle), style="wait", soft_wrap=True)
    for line in await broken_records(app):
        console.print(f"✗ {line}", style="bad", soft_wrap=True, markup=False)


async def _one(app: "App", name: str, as_json: bool) -> None:
    from phasegate.cli.console import output
    from phasegate.cli.views.lists import waiting_tools
    from phasegate.cli.views.progress import status_view
    from phasegate.cli.views.summary import run_summary
    from phasegate.hosting.background_worker import is_unattended, nobody_works
    from phasegate.ledger import RunStatus
    from phasegate.reports import report
    from phasegate.reports.outputs import made
    from phasegate.reports.progress import progress
    from phasegate.reports.run import whole_run
    from phasegate.reports.tool_requests import waits

    run = await app.ledger.run(name)
    if as_json:
        click.echo(report.as_json(await whole_run(app, run)))
        return
    events = await app.ledger.events(run.id)
    phases, things = progress(app.flow, events), await made(app, run, events)
    onward = {RunStatus.waiting: f"gate {run.id}", RunStatus.parked: f"run --resume {run.id}"}
    console = output()
    console.print(status_view(f"{run.spec}  run {run.id}", phases))
    console.print(run_summary(run, things, await _elsewhere(app, run, events), unreleasable=_unreleasable(app, run)))
    if asking := await waits(app, run.id):
        console.print(waiting_tools(asking), soft_wrap=True)
    if await is_unattended(app, run):
        console.print(nobody_works([run]), style="wait", soft_wrap=True)
    if run.status in onward:
        console.print(f"→ phasegate {onward[run.status]}")

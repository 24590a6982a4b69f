"""Show runs, and where one run is."""

from collections.abc import Iterator, Sequence

import click
from rich.console import Group, RenderableType
from rich.text import Text

from phasegate import ledger
from phasegate.app import App
from phasegate.cli import options
from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.views.findings import blocking_lines
from phasegate.cli.views.lists import more, runs_table, waiting_tools
from phasegate.cli.views.progress import status_view, writing_line
from phasegate.cli.views.spend import recorded_table, spend_table
from phasegate.cli.views.summary import elsewhere, run_summary
from phasegate.core import InvalidInput, report, visible
from phasegate.core.formatting import count
from phasegate.ledger import Entry, RunStatus, of_kind
from phasegate.ledger.events import Judgement, ModelCalled
from phasegate.reports.artifacts import made
from phasegate.reports.external_links import by_hand, outside
from phasegate.reports.progress import PhaseProgress, State, progress
from phasegate.reports.recorded import recorded_costs
from phasegate.reports.run import Run, whole_run
from phasegate.reports.spend import By, spend_of, under_way
from phasegate.reports.trust import trust_lines
from phasegate.reports.warnings import broken_records, has_worker, is_unattended, nobody_works, unattended
from phasegate.reports.work import items_of, waits_for
from phasegate.tool_access.requests import waits
from phasegate.workflow import findings_of


async def status(name: str | None, limit: int | None, everything: bool, as_json: bool) -> None:
    """Show runs, or one run's phases."""
    most = options.most(limit, everything or as_json)

    async with open_here(parse_prompts=not name) as app:
        await (_one(app, name, as_json) if name else _all(app, most, as_json))


async def _all(app: App, most: int, as_json: bool) -> None:
    runs, lives, console = await app.ledger.runs(limit=most), await has_worker(app), output()
    if not as_json:
        _print_trust(app)
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


async def _one(app: App, name: str, as_json: bool) -> None:
    run = await app.ledger.run(name)
    if as_json:
        click.echo(report.as_json(await whole_run(app, run)))
        return
    _print_trust(app)
    events = await app.ledger.events(run.id)
    phases, things = progress(app.flow, events), await made(app, run, events)
    onward = {RunStatus.waiting: f"gate {run.id}", RunStatus.parked: f"run --resume {run.id}"}
    console = output()
    console.print(status_view(f"{run.spec}  run {run.id}", phases))
    console.print(run_summary(run, things, await _elsewhere(app, run, events), unreleasable=_unreleasable(app, run)))
    spent = await spend_of(app, run.id, (By.role,))
    if spent.rows:
        console.print(Group(Text(f"Model calls: {spent.total.says}", "name"), spend_table(spent)))
    _print_recorded(events)
    if run.status is RunStatus.working:
        for call in await under_way(app.database, run.id):
            console.print(Text(writing_line(call, app.clock.now())), soft_wrap=True)
    if asking := await waits(app, run.id):
        console.print(waiting_tools(asking), soft_wrap=True)
    if await is_unattended(app, run):
        console.print(nobody_works([run]), style="wait", soft_wrap=True)
    orders = await items_of(app).listed(run=run.id)
    if orders:
        console.print(waits_for(orders), style="wait", soft_wrap=True)
        onward[RunStatus.waiting] = "work list"
    # Last, where a terminal shows it however many files the run made.
    for line in (*run.note.splitlines(), *_blocked(phases, events)):
        console.print(Text(visible(line), "wait"), soft_wrap=True)
    if run.status in onward:
        console.print(f"→ phasegate {onward[run.status]}")


def _blocked(phases: Sequence[PhaseProgress], events: Sequence[Entry]) -> Iterator[str]:
    """Yield why the gate that waits is not approved as it stands, where anything blocks it."""
    for phase in phases:
        if phase.state is not State.gate:
            continue
        found = findings_of(of_kind(events, Judgement), phase.id, phase.attempt)
        if blocking := [finding for finding in found if finding.blocking]:
            number = len(blocking)
            yield f"{phase.gate}: not approved while {count(number, 'finding')} block{'s' * (number == 1)}"
            yield from blocking_lines(blocking)


def _print_trust(app: App) -> None:
    for line in trust_lines(app):
        output().print(line, style="wait", soft_wrap=True, markup=False)


async def summary(app: App, run: ledger.Run) -> None:
    """Says where everything lies that the run made."""
    console = output()
    console.print()
    events = await app.ledger.events(run.id)
    things = await made(app, run, events)
    console.print(run_summary(run, things, await _elsewhere(app, run, events), unreleasable=_unreleasable(app, run)))
    _print_recorded(events)


def _print_recorded(events: Sequence[Entry]) -> None:
    if costs := recorded_costs(of_kind(events, ModelCalled)):
        output().print(Group(Text(), recorded_table(costs)))


async def _elsewhere(app: App, run: ledger.Run, events: Sequence[Entry]) -> list[RenderableType]:
    return elsewhere(await outside(app, run.id, events), by_hand(events))


def _unreleasable(app: App, run: ledger.Run) -> bool:
    try:
        return bool(run.policy) and app.folder.unreleasable(run.policy)
    except InvalidInput:
        return True  # the policy's file is gone: nobody can say that it marked nothing

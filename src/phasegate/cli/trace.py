"""From a requirement to the release and back, and who approved what on which day."""

from datetime import date, datetime
from pathlib import Path

import click

from phasegate.app import App
from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.views.trace import approvals, overview, walk
from phasegate.core import UsageError
from phasegate.core.report import as_json as as_text
from phasegate.reports.trace import TraceGraph, approvals_by, find, report, requirement_rows, trace_of, trace_of_spec
from phasegate.reports.trace import walk as walk_of
from phasegate.spec import FORMATS


async def trace(of: str | None, name: str | None, by: str | None, day: datetime | None, as_json: bool) -> None:
    """Follow a requirement to the release, and back."""
    if by is None and day is not None:
        raise click.UsageError("--on goes with --by NAME.")
    if by is not None and of is not None:
        raise click.UsageError("--by looks at all runs: leave RUN, SPEC and ID out.")
    if by is not None:
        await _decided(by, day.date() if day else None, as_json)
    else:
        await _trace(of, name, as_json)


async def _trace(of: str | None, name: str | None, as_json: bool) -> None:
    async with open_here() as app:
        found, rest = await _meant(app, of)
    if name and rest:
        raise UsageError(f"there is no run or spec '{of}'", fix="list runs: 'phasegate status'")
    _show(found, name or rest, as_json)


async def _meant(app: App, of: str | None) -> tuple[TraceGraph, str | None]:
    """The trace, and the words where they name no run and no spec: then they name something in the last run."""
    runs = await app.ledger.runs()
    place = _spec(app, of or "")
    if place:
        own = next((run for run in runs if run.spec == place), None)
        return (await trace_of(app, own) if own else trace_of_spec(app, place)), None
    named = [run for run in runs if of and run.id.startswith(of)]
    if len(named) == 1:
        return await trace_of(app, named[0]), None
    if not runs:
        raise UsageError("no run is there to trace", fix="name a spec: 'phasegate trace specs/NNN-name'")
    return await trace_of(app, runs[0]), of


def _spec(app: App, of: str) -> str:
    """The spec's folder, where the word is a path to one."""
    path = Path(of)
    is_spec = path.is_dir() or path.name in {each.file for each in FORMATS}
    return app.folder.locate(path) if of and is_spec else ""


def _show(found: TraceGraph, name: str | None, as_json: bool) -> None:
    if name is None and as_json:
        click.echo(as_text(report(found)))
    elif name is None:
        output().print(overview(found, requirement_rows(found)))
    elif as_json:
        click.echo(as_text([walk_of(found, node) for node in find(found, name)]))
    else:
        for node in find(found, name):
            output().print(walk(found, node))


async def _decided(by: str, day: date | None, as_json: bool) -> None:
    async with open_here() as app:
        found = await approvals_by(app, by, day)
    if as_json:
        click.echo(as_text(found))
    elif found:
        output().print(approvals(found))
    else:
        output().print(f"{by} decided nothing{f' on {day}' if day else ''}.", markup=False)

"""Released runbooks in the terminal: scans, and findings over time."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from phasegate.cli.console import errors_to, output
from phasegate.cli.here import open_here
from phasegate.cli.runbook import given_moment, given_params
from phasegate.cli.views.executions import finding_row, findings_table, runbooks_table, scan_line, scans_table
from phasegate.cli.views.report import report_table
from phasegate.core import InvalidInput, PhasegateError, UsageError
from phasegate.core.report import as_json as as_text
from phasegate.executions import Asked, FindingState, FindingView, ScanState, executions_of

_WAIVED = timedelta(days=90)


async def list_(as_json: bool) -> None:
    """List the released runbooks."""
    async with open_here(parse_prompts=False) as app:
        found = await executions_of(app).runbooks()
    if as_json:
        click.echo(as_text(found))
    elif found:
        output().print(runbooks_table(found, datetime.now(UTC)))
    else:
        output().print("Nothing was released here yet: 'phasegate run specs/NNN-name' takes a spec to its release.")


async def scan(
    name: str,
    version: str,
    regions: tuple[str, ...],
    excluded: tuple[str, ...],
    accounts: str,
    profile: str,
    as_of: str | None,
    params: tuple[str, ...],
    as_json: bool,
) -> None:
    """Scan, with progress, and show what was found."""
    asked = Asked(
        regions=regions,
        except_regions=excluded,
        accounts=accounts,
        profile=profile,
        as_of=given_moment(as_of) if as_of else None,
        params=given_params(params),
    )
    async with open_here(parse_prompts=False) as app:
        executions = executions_of(app)
        with errors_to().status(f"scanning with {name}") as status:
            tell: Callable[[str], None] = status.update
            found = await executions.scan(name, asked, app.workspace.user.name, version=version, tell=tell)
        report = await executions.scans.report(found.id) if found.state.reported else None
    if as_json:
        click.echo(as_text(found))
    elif report:
        output().print(report_table(report))
        output().print(f"→ phasegate runbook report {found.id}", style="quiet")
    if found.state is ScanState.running:
        raise UsageError(
            f"scan '{found.id}' asks the same and is under way", fix="wait for it: 'phasegate runbook scans'"
        )
    if report is None:
        raise PhasegateError(f"scan '{found.id}' gave no report: {found.problem}", fix="mend that, and scan again")
    if found.state is ScanState.incomplete:
        click.echo(f"{found.errors} kind(s) of calls failed: the scan is incomplete", err=True)
        click.get_current_context().exit(InvalidInput.exit_code)


async def scans(name: str, limit: int, as_json: bool) -> None:
    """List scans."""
    async with open_here(parse_prompts=False) as app:
        found = (await executions_of(app).scans.listed(name))[:limit]
    if as_json:
        click.echo(as_text(found))
    else:
        output().print(scans_table(found, datetime.now(UTC)) if found else "Nothing was scanned yet.")


async def report(scan: str, as_json: bool) -> None:
    """Show a scan's report."""
    async with open_here(parse_prompts=False) as app:
        executions = executions_of(app)
        found, document = await executions.scans.find(scan), await executions.scans.report(scan)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        output().print(scan_line(found))
        output().print(report_table(document))


async def findings(name: str, states: Sequence[str], every: bool, as_csv: bool, as_json: bool) -> None:
    """List findings."""
    wanted = set(FindingState) if every else set(map(FindingState, states)) or {s for s in FindingState if s.stands}
    async with open_here(parse_prompts=False) as app:
        executions = executions_of(app)
        if name:
            await executions.releases.find(name)
        found = await executions.findings(name, wanted)
    if as_json:
        click.echo(as_text(found))
    elif as_csv:
        click.echo(_csv(found), nl=False)
    elif found:
        output().print(findings_table(found, datetime.now(UTC)))
    else:
        output().print("No finding stands." if not (states or every) else "There is no such finding.")


async def waive(finding: str, reason: str, ends: datetime | None, false: bool, over: bool) -> None:
    """Write what a person says of a finding, or take it away."""
    if over and (reason or ends or false):
        raise click.UsageError("--end takes back what was said, and goes with nothing else.")
    if false and ends:
        raise click.UsageError("--false-positive has no end; leave --until out.")
    state = None if over else FindingState.false_positive if false else FindingState.waived
    async with open_here(parse_prompts=False) as app:
        executions = executions_of(app)
        until = _last_moment(ends) if ends else app.clock.now() + _WAIVED
        by = app.workspace.user.name
        found = await executions.mark(finding, state, by, reason, until if state is FindingState.waived else None)
    output().print(f"[good]✓[/] {found.item} is {found.state.value}", soft_wrap=True)


def _last_moment(day: datetime) -> datetime:
    return day.replace(tzinfo=UTC) + timedelta(days=1) - timedelta(seconds=1)


def _csv(found: Sequence[FindingView]) -> str:
    text = io.StringIO()
    rows: list[dict[str, Any]] = [finding_row(each) for each in found]
    writer = csv.DictWriter(text, list(FindingView.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

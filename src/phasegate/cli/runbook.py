"""Runbooks by themselves: what one finds, which rights it needs, and the approval of what it found."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from phasegate.cli.console import output
from phasegate.cli.here import given_clock, open_here
from phasegate.cli.keys import keyring
from phasegate.cli.views.report import report_table
from phasegate.core import InvalidInput, UsageError, visible
from phasegate.core.findings import Finding
from phasegate.core.formatting import count
from phasegate.executions import executions_of
from phasegate.executions.approval import approval, narrowed, read_findings, released_command
from phasegate.reports.trust import open_desk
from phasegate.runbooks import load
from phasegate.runbooks.compiler.check import Where
from phasegate.runbooks.compiler.check import check as run
from phasegate.runbooks.compiler.iam_policy import explain
from phasegate.runbooks.compiler.iam_policy import policy as policy_of
from phasegate.runbooks.language.lint import lint


def check(
    file: Path,
    regions: tuple[str, ...],
    excluded: tuple[str, ...],
    accounts: str,
    profile: str,
    as_of: str | None,
    params: tuple[str, ...],
    endpoint_url: str | None,
    prices: Path | None,
    as_json: bool,
) -> None:
    """Compile a runbook.yaml and run its detection, without changing anything."""
    text = _read(file)
    for doubt in refuse_what_lint_refuses(text, file):
        click.echo(f"! {doubt.where}: {doubt.message} → {doubt.fix}", err=True)
    where = Where(
        regions=regions,
        except_regions=excluded,
        accounts=accounts,
        profile=profile,
        endpoint=endpoint_url,
        params=given_params(params),
        prices=prices,
    )
    report = run(text, str(file), as_of=given_moment(as_of), where=where)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        output().print(report_table(report))
    if report["errors"]:
        kinds = count(len(report["errors"]), "kind")
        said = f"{kinds} of calls failed: the scan is incomplete; 'errors' of --json says where"
        click.echo(said, err=True)
        click.get_current_context().exit(InvalidInput.exit_code)


def policy(file: Path, as_json: bool) -> None:
    """Print the least IAM policy that a runbook needs."""
    document = policy_of(load(_read(file), str(file)))
    if not as_json:
        for line in explain(document):
            output().print(f"# {line}", soft_wrap=True, markup=False)
    click.echo(json.dumps(document, indent=2))


def approve(
    file: Path,
    target: Path,
    hours: int,
    strike: tuple[str, ...],
    most: int | None,
    reason: str,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Approve findings, so that a runbook may act on them, once."""
    report = read_findings(*_report(file))
    terms = narrowed(report, strike, hours=hours, max_changes=most, reason=reason)
    console = output()
    console.print(report_table(report))
    for finding in report["findings"]:
        if finding["digest"] in terms.strike:
            console.print(f"struck: {visible(finding['id'])}", style="wait", markup=False)
    desk = open_desk(Path.cwd())
    config = desk.signed
    ring = keyring(desk.state, config, manager, passphrase_file)
    target.write_bytes(approval(report, ring.manager, ring.unlock(), terms, clock=given_clock()))
    console.print(f"[good]✓[/] approved by {ring.manager} for {hours} h, for one use: {target}", soft_wrap=True)
    kept = [finding for finding in report["findings"] if finding["digest"] not in terms.strike]
    named = {**report, "findings": kept}
    command = released_command(named, config.project.name, str(target), desk.trust.chain.fingerprint)
    console.print(f"→ {command}", soft_wrap=True, markup=False)


def _report(file: Path) -> tuple[str, str]:
    """Return a report and its name: a file's, or that of a scan which is kept in the record."""
    if file.exists() or len(file.parts) != 1 or file.suffix:
        return _read(file), str(file)
    return json.dumps(asyncio.run(_kept(str(file)))), f"scan {file}"


async def _kept(scan: str) -> Mapping[str, Any]:
    async with open_here(parse_prompts=False) as app:
        return await executions_of(app).scans.report(scan)


def refuse_what_lint_refuses(text: str, file: Path) -> list[Finding]:
    """Refuse a runbook that lint calls wrong: what it would find, or not find, is not what it says.

    Returns:
        The findings that are worth a look and block nothing.

    Raises:
        InvalidInput: with the findings that block.
    """
    findings = lint(text, str(file))
    blocking = [finding for finding in findings if finding.blocking]
    if blocking:
        raise InvalidInput(
            f"'{file}' has {len(blocking)} finding(s) that must be mended first",
            fix="mend the lines that they name, then check again",
            findings=blocking,
        )
    return findings


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"'{file}' cannot be read: {error}", fix="name another file") from error


def given_moment(text: str | None) -> datetime:
    """Return the time of `--as-of`, or now."""
    if text is None:
        return given_clock().now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is not a time", fix="--as-of 2026-11-18T20:10:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def given_params(texts: Iterable[str]) -> dict[str, Any]:
    """Return the overrides of `--param`."""
    return dict(map(_param, texts))


def _param(text: str) -> tuple[str, Any]:
    """`k=v`, the value as JSON where it is JSON, else as text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"--param {text}: write K=V")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value

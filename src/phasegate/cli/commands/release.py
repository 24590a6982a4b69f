"""Traces, proofs and runbooks."""

from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command, Group

STATES = ("new", "open", "came-back", "fixed", "skipped", "waived", "false-positive")


@click.command(cls=Command, runs="trace:trace")
@click.argument("of", metavar="[RUN|SPEC]", required=False)
@click.argument("name", metavar="[ID]", required=False)
@click.option("--by", metavar="NAME", help="Show instead what this person decided, and what was released of it.")
@click.option("--on", "day", metavar="DATE", type=options.DAY, help="With --by: on that day, in UTC.")
@options.as_json
def trace() -> None:
    """Follow a requirement to the release, and back.

    ID is a requirement, criterion, task, test, path, gate, version or manager; without it you see every requirement.
    Without RUN or SPEC the last run is meant. What is not linked is shown as a gap.
    """


@click.command(cls=Command, runs="release:bundle")
@click.argument("name", metavar="RUN")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), help="The file; else RUN.bundle.jsonl.")
def bundle() -> None:
    """Write the proof of a run into one file.

    'phasegate verify' checks it, without this repository.
    """


@click.command(cls=Command, runs="release:verify")
@click.argument("name", metavar="RUN|BUNDLE")
@click.argument("artifacts", metavar="[WHEEL]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--manager",
    "named",
    metavar="NAME=KEY",
    multiple=True,
    help="A person who may decide; repeatable.",
)
@click.option(
    "--manager-key", "keys", metavar="KEY", multiple=True, help="The same without a name: it counts for one person."
)
@click.option(
    "--root",
    metavar="FINGERPRINT",
    default="",
    help="Root of trust of the repository, as a manager told it; default: the one that is known here.",
)
@click.option(
    "--against",
    metavar="BUNDLE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another bundle of the same run: do both tell the same?",
)
@click.option("--allow-policy", is_flag=True, help="Accept gates that a policy passed instead of a person.")
@options.as_json
def verify() -> None:
    """Check that what was released is what was approved.

    A RUN is checked against this repository and its index. A BUNDLE is checked on its own, without repository, database
    or network: against the root of trust whose fingerprint a manager told you, or the keys that managers published, and
    with the wheels that are named. A statement counts for the person whose key signed it, whoever it says it is by.
    """


@click.group(cls=Group)
def runbook() -> None:
    """Operate released runbooks, and try one that is not released."""


@runbook.command("list", runs="executions:list_")
@options.as_json
def runbook_list() -> None:
    """List the released runbooks, each with its versions, its last scan, and what stands."""


@runbook.command("scan", runs="executions:scan")
@click.argument("name", metavar="RUNBOOK")
@click.option("--version", default="", metavar="V", help="A release; default: the newest that has it.")
@options.region
@options.except_region
@options.accounts
@options.profile
@options.as_of
@options.param
@options.as_json
def runbook_scan() -> None:
    """Scan with a released runbook, and keep what it finds. Nothing is changed.

    It runs the released wheel in an environment of its own, whose files are compared with the wheel first. A scan with
    the runbook's own parameters, judged by the clock, counts in the history of findings.

    Exits with 3 where a call failed, so that something was not looked at.
    """


@runbook.command("scans", runs="executions:scans")
@click.argument("name", metavar="[RUNBOOK]", default="")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Rows at most.")
@options.as_json
def runbook_scans() -> None:
    """List the scans, the newest first."""


@runbook.command("report", runs="executions:report")
@click.argument("scan", metavar="SCAN")
@options.as_json
def runbook_report() -> None:
    """Show what a scan found, as the released command reported it."""


@runbook.command("findings", runs="executions:findings")
@click.argument("name", metavar="[RUNBOOK]", default="")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Default: those that stand.")
@click.option("--all", "every", is_flag=True, help="Fixed, waived and false ones, too.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@options.as_json
def runbook_findings() -> None:
    """List what scans found, and how it stands over time: new, open, came back, fixed, waived, false positive."""


@runbook.command("waive", runs="executions:waive")
@click.argument("finding", metavar="FINDING")
@click.option("--reason", metavar="TEXT", default="", help="Why; required.")
@click.option(
    "--until", "ends", type=options.DAY, metavar="YYYY-MM-DD", help="The last day; default: 90 days from now."
)
@click.option("--false-positive", "false", is_flag=True, help="It is no finding at all; without an end.")
@click.option("--end", "over", is_flag=True, help="Take back what was said of it.")
def runbook_waive() -> None:
    """Accept a finding for a while, or say that it is none.

    It is still scanned for, and stands again when the waiver is over. It is a note with a name and no signed decision.
    """


@runbook.command("check", runs="runbook:check")
@click.argument("file", type=options.FILE)
@options.region
@options.except_region
@options.accounts
@options.profile
@options.as_of
@options.param
@options.endpoint_url
@options.prices
@options.as_json
def runbook_check() -> None:
    """Compile a runbook.yaml and run its detection, without changing anything.

    Exits with 3 where a call failed, so that something was not looked at: the report says what.
    """


@runbook.command("try", runs="runbook_try:attempt")
@click.argument("file", type=options.FILE)
@click.option("--id", "id_", metavar="ID", help="The item to list and evaluate.")
@click.option("--row", type=options.FILE, metavar="FILE", help="A row as JSON instead; AWS is not asked.")
@options.region
@options.profile
@options.as_of
@options.param
@options.endpoint_url
@options.prices
@options.as_json
def runbook_try() -> None:
    """Show step by step why an item is found, or is not.

    Each part of an expression is printed with its value: where, each detail, match, warn and skip, then the verdict,
    the cost, the guard and the calls of a change. A row holds a key for each name of `with`.
    """


@runbook.command("schema", runs="runbook_try:schema")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def runbook_schema() -> None:
    """Print the JSON Schema of runbook.yaml, for editors, or write it to FILE."""


@runbook.command("policy", runs="runbook:policy")
@click.argument("file", type=options.FILE)
@options.as_json
def runbook_policy() -> None:
    """Print the least IAM policy that a runbook needs."""


@runbook.command("approve", runs="runbook:approve")
@click.argument("file", metavar="SCAN|FINDINGS.json", type=options.FILE)
@click.option("--strike", multiple=True, metavar="ITEM", help="Leave this finding out; may be repeated.")
@click.option(
    "--max", "most", type=click.IntRange(1), metavar="N", help="Refuse as a whole where it would change more."
)
@click.option("--reason", metavar="TEXT", default="", help="Why, signed with it.")
@click.option(
    "--output", "target", type=options.FILE, default="approval.json", show_default=True, help="Where to write it."
)
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How long it holds.")
@options.manager
@options.passphrase_file
def runbook_approve() -> None:
    """Approve findings, so that a runbook may act on them, once.

    SCAN is one of 'phasegate runbook scans', FINDINGS.json what the released command printed with --json. The approval
    holds for exactly these findings but those that are struck: it can leave out, and add nothing.
    """

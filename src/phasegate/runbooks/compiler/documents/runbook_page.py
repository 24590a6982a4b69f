"""The runbook's page: what it looks for, why, how to run it, how to undo what it did."""

from collections.abc import Sequence

from phasegate.runbooks.compiler.documents import prose
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.text import bullets, code, listing, page, paragraphs, plain, sentence, table
from phasegate.runbooks.compiler.iam_policy import explain
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import Get, Metric, Runbook

_EXIT_CODES = (
    ("0", "the scan is complete, with findings or without"),
    ("1", "it failed"),
    ("2", "the command was used wrongly"),
    ("3", "the scan is incomplete: a call failed, and the report says which"),
    ("4", "credentials or a package are missing"),
    ("5", "the change was refused: no approval, or one that does not hold"),
    ("6", "a change failed, or could not be verified"),
)


def runbook_page(context: Context) -> str:
    """The page of one runbook."""
    runbook = context.runbook
    return page(
        f"# {plain(context.title)}",
        _facts(context),
        "## What it looks for",
        _what(context),
        "## Why",
        _why(context),
        "## How to run it",
        _run(context),
        _change(context),
        _undo(context),
        "## Permissions",
        f"The least-privilege policy is {code(context.policy_path)}. In plain words:",
        bullets(explain(context.policy)),
        "" if not runbook.action else f"A role that only reports needs {_reading(context)} alone.",
        "## What it costs to run",
        _running(runbook),
        "## Exit codes",
        table(["code", "means"], _EXIT_CODES if runbook.action else _EXIT_CODES[:5]),
    )


def _reading(context: Context) -> str:
    sids = [code(each["Sid"]) for each in context.policy["Statement"] if str(each["Sid"]).startswith("Read")]
    return f"the statement {listing(sids)}" if len(sids) == 1 else f"the statements {listing(sids)}"


def _facts(context: Context) -> str:
    runbook = context.runbook
    does = "reports, and changes what was approved" if runbook.action else "reports, and changes nothing"
    return f"*{runbook.kind.title()}, severity {runbook.severity}. It {does}. Looks {prose.where(runbook)}.*"


def _what(context: Context) -> str:
    runbook = context.runbook
    told = [
        sentence(f"{prose.a_thing(runbook)} is {verdict} when {words}") for verdict, words, _ in prose.rules(runbook)
    ]
    shown = (
        f"With each it shows {listing([code(text) for text in runbook.evidence])}."
        if runbook.evidence
        else "It shows the id alone."
    )
    details = prose.details(runbook)
    return page(
        " ".join([prose.listed(runbook), *told]),
        bullets(details) if details else "",
        f"{shown} {prose.cost(runbook)}",
        "Where AWS does not answer, or has no data, the verdict is *unknown*: it is shown, and never taken for "
        "a match.",
    )


def _why(context: Context) -> str:
    whys = dict.fromkeys([context.spec.why, *(story.why for story in context.spec.stories)])
    said = [paragraphs(why) for why in whys if why]
    return "\n\n".join(said) if said else paragraphs(context.spec.what or context.title)


def _run(context: Context) -> str:
    runbook = context.runbook
    command = f"{context.project} {context.name}"
    lines = [f"{command}                      # a dry run: nothing is changed"]
    if runbook.scope.regions != "global":
        lines.append(f"{command} --region eu-west-1   # one region")
    lines += [
        f"{command} --param {name}={value}   # the default: set your own" for name, value in _safe_params(runbook)
    ]
    lines.append(f"{command} --json               # for machines")
    schedule = f"It is meant to run at {code(runbook.schedule)} (cron, UTC)." if runbook.schedule else ""
    return page("```console\n" + "\n".join(f"$ {line}" for line in lines) + "\n```", schedule)


def _safe_params(runbook: Runbook) -> list[tuple[str, object]]:
    return [
        (name, value)
        for name, value in runbook.scope.params.items()
        if name.isidentifier() and not isinstance(value, str)
    ]


def _change(context: Context) -> str:
    runbook = context.runbook
    if not runbook.action:
        return ""
    return page(
        "## How to apply it",
        f"```console\n$ {context.project} {context.name} --apply --approval approval.json\n```",
        "It lists again, and goes on only if the approval is signed by an approver of the package for exactly "
        "the findings "
        f"that it then has. For each {prose.thing(runbook)} it does this, and logs each step before and after:",
        "\n".join(f"{number}. {step}" for number, step in enumerate(prose.changes(runbook), 1)),
        "What holds it back:",
        bullets(prose.guards(runbook)),
        "Applied a second time, it changes nothing: the approval is used up, and what was changed is no finding "
        "any more.",
    )


def _undo(context: Context) -> str:
    runbook = context.runbook
    undone = [action.undo for action in runbook.action if action.undo]
    if not runbook.action:
        return ""
    if not undone:
        return page("## How to undo it", prose.reversible(runbook))
    first = aws.operation(undone[0].op)
    command = f"aws {first.service} {first.method.replace('_', '-')} --cli-input-json file://undo.json"
    return page(
        "## How to undo it",
        f"{prose.reversible(runbook)} Each line of the log whose {code('step')} is {code('undo')} holds one such call:",
        "```console\n"
        f"$ grep '\"step\": *\"undo\"' ~/.local/state/{context.package}/actions.jsonl | grep '<id>'\n"
        f"$ {command}   # undo.json: the line's params\n"
        "```",
    )


def _running(runbook: Runbook) -> str:
    single = [call for entry in runbook.with_ for call in _single(entry)]
    calls = [f"one {code(step.op)} a page{_parent(place)} in each region" for place, step in enumerate(runbook.list_)]
    calls += [f"one {code(call)} for each {prose.thing(runbook)}" for call in single]
    found = [sentence(listing(calls)), _price([step.op for step in runbook.list_] + single)]
    if runbook.where and single:
        found.append(f"Only {prose.things(runbook)} of which {prose.rules(runbook)[0][1]} cost these single calls.")
    if any(action.snapshot for action in runbook.action):
        found.append("A snapshot that a change leaves behind is charged until somebody deletes it.")
    return " ".join(found)


def _parent(place: int) -> str:
    return " and parent" if place else ""


def _single(entry: object) -> list[str]:
    """Return the calls that are made for each item."""
    match entry:
        case Get():
            return [entry.get]
        case Metric():
            return ["cloudwatch.GetMetricStatistics"]
        case _:
            return []


def _price(operations: Sequence[str]) -> str:
    if any(operation.startswith("cloudwatch.") for operation in operations):
        return "CloudWatch charges requests for metrics by the thousand, beyond its free tier: see its price list."
    if any(operation.startswith("s3.") for operation in operations):
        return "S3 charges requests by the thousand: fractions of a cent for each bucket."
    return "AWS does not charge these calls. It limits how many may be made a second; the runbook waits when told to."

"""The documents of a runbook: each is a template of Markdown, filled from its spec and its runbook.yaml."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from phasegate.core.formatting import listing
from phasegate.runbooks.compiler.documents import prose, text
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.fields import fields, result, row_name, spoken
from phasegate.runbooks.compiler.documents.inventory_table import HEADING, there
from phasegate.runbooks.compiler.documents.requirement_map import criteria_of, functions, kept_in
from phasegate.runbooks.compiler.documents.tasks import negatives, phases
from phasegate.runbooks.compiler.documents.text import code, plain, sentence
from phasegate.runbooks.compiler.iam_policy import calls, explain
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.iam_actions import is_destructive
from phasegate.runbooks.language.model import Get, Metric, Runbook

UNTESTED = "**none yet**"
"""Stands in the test plan for the test of a criterion that has none."""


def plan(context: Context) -> str:
    """plan.md, in Spec Kit's form: how the spec is kept, and what it costs to keep it."""
    runbook, spec, risk = context.runbook, context.spec, context.spec.risk
    steps = [prose.listed(runbook), *prose.details(runbook), *_judged(runbook, ": {}")]
    return _page(
        "plan.md.j2",
        context,
        acts=f"It acts on approved findings with {listing([code(action.op) for action in runbook.action])}.",
        services=sorted({prose.service(call.operation) for call in calls(runbook)}),
        heading=HEADING,
        there=there(context.inventory),
        steps=[*steps, prose.cost(runbook), *prose.changes(runbook)],
        functions=[(code(f"{name}(…)"), plain(said)) for name, said in functions(context)],
        requirements=[
            (
                each.id,
                plain(each.text),
                kept_in(context, each.text),
                ", ".join(criteria_of(context, each.id)) or "see test plan",
            )
            for each in spec.requirements
        ],
        declared=[
            ("Severity, as the spec declares it", risk.severity),
            ("Blast radius", risk.blast_radius),
            ("Data", risk.data),
            ("Reversible", risk.reversible),
        ]
        if risk
        else [],
    )


def adr(context: Context, number: int) -> str:
    """The decision record: what was decided for this runbook, and what else could have been."""
    params = context.runbook.scope.params.items()
    fixed = [f"{code(name)} fixed at {code(value)} instead of a parameter" for name, value in params]
    return _page("adr.md.j2", context, number=number, fixed=fixed)


def data_model(context: Context) -> str:
    """data-model.md: what goes in, what comes out."""
    runbook = context.runbook
    described = zip(runbook.with_, prose.details(runbook), strict=True)
    names = {"found": "match", "warned of": "warn", "skipped": "skip"}
    return _page(
        "data-model.md.j2",
        context,
        row_name=row_name(runbook),
        fields=[
            (code(each.name), plain(spoken(each.type)), ", ".join(each.used), plain(each.meaning))
            for each in fields(runbook)
        ],
        added=[(code(entry.as_), plain(spoken(result(runbook, entry.as_))), said) for entry, said in described],
        params=[
            (code(name), code(value), code(f"--param {name}={value}")) for name, value in runbook.scope.params.items()
        ],
        evidence=[(code(shown), plain(spoken(result(runbook, shown)))) for shown in runbook.evidence],
        verdicts=[(names[verdict], *rest) for verdict, *rest in prose.rules(runbook) if verdict in names],
    )


def tasks(context: Context) -> str:
    """tasks.md, in Spec Kit's form: the work in small pieces."""
    return _page("tasks.md.j2", context, phases=phases(context))


def test_plan(context: Context, tests: Sequence[tuple[str, Sequence[str]]]) -> str:
    """test-plan.md: the proof of each criterion.

    Args:
        context: what it is about.
        tests: names of the test functions that there will be, each with the ids of the criteria that it shows.
    """
    spec = context.spec
    matched = {each.id: [code(name) for name, shown in tests if each.id in shown] for each in spec.criteria}
    return _page(
        "test-plan.md.j2",
        context,
        criteria=[
            (
                each.criterion.id,
                plain(each.criterion.text),
                ", ".join(each.covers) or "–",
                ", ".join(matched[each.criterion.id]) or UNTESTED,
            )
            for each in spec.scenarios
            if each.criterion
        ],
        negatives=negatives(context),
        others=[name for name, shown in tests if not set(shown) & matched.keys()],
        asked=sorted({call.operation.partition(".")[0] for call in calls(context.runbook)}),
        functions=[name for name, _ in functions(context)],
    )


# pytest would take it for a test wherever it is imported.
test_plan.__test__ = False  # type: ignore[attr-defined]


def pr_faq(context: Context) -> str:
    """The PR/FAQ: what the team will say on the day it ships, and what it will be asked."""
    runbook, acts = context.runbook, ""
    if runbook.action:
        called = listing([code(action.op) for action in runbook.action])
        snapshot = " after a snapshot" if _has_snapshot(runbook) else ""
        acts = f" Once a person has approved the findings, it calls {called}{snapshot}."
    return _page("pr-faq.md.j2", context, acts=acts, rules=_judged(runbook, " ({})"))


def runbook_page(context: Context) -> str:
    """The runbook's page: what it looks for, why, how to run it, how to undo what it did."""
    runbook, statements = context.runbook, context.policy["Statement"]
    shown = f"With each it shows {listing([code(text) for text in runbook.evidence])}."
    undone = list(dict.fromkeys(undo.op for action in runbook.action for undo in action.undo))
    return _page(
        "runbook-page.md.j2",
        context,
        told=[prose.listed(runbook), *_judged(runbook, "")],
        shown=shown if runbook.evidence else "It shows the id alone.",
        whys=[why for why in dict.fromkeys([context.spec.why, *(story.why for story in context.spec.stories)]) if why],
        command=f"{context.project} {context.name}",
        # A text could hold anything, and a reader copies the command into a shell.
        safe_params=[
            (name, value)
            for name, value in runbook.scope.params.items()
            if name.isidentifier() and not isinstance(value, str)
        ],
        undo_command=_aws_command(undone[0]) if undone else "",
        reading=[code(each["Sid"]) for each in statements if str(each["Sid"]).startswith("Read")],
        running=_running(runbook),
    )


def _page(template: str, context: Context, **more: Any) -> str:
    runbook = context.runbook
    filled = _templates().get_template(template)
    written = filled.render(
        context=context,
        runbook=runbook,
        spec=context.spec,
        one=prose.thing(runbook),
        many=prose.things(runbook),
        a_thing=prose.a_thing(runbook),
        kinds={type(entry).__name__ for entry in runbook.with_},
        snapshots=_has_snapshot(runbook),
        destroying=[code(action.op) for action in runbook.action if is_destructive(action.op)],
        permissions=explain(context.policy),
        **more,
    )
    return text.spaced(written)


@cache
def _templates() -> Environment:
    # What a template forgets to give is an error, not an empty word in a document that a person approves.
    made = Environment(
        loader=PackageLoader(__package__, ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=select_autoescape(),
    )
    made.globals["prose"] = prose
    names = ("bullets", "capital", "cell", "code", "paragraphs", "plain", "sentence")
    made.filters |= {name: getattr(text, name) for name in names}
    made.filters |= {"listing": listing, "table": lambda rows, *head: text.table(head, rows)}
    return made


def _judged(runbook: Runbook, form: str) -> list[str]:
    """Return the rules in plain words, each with its expression in the given form."""
    one = prose.a_thing(runbook)
    return [
        sentence(f"{one} is {verdict} when {words}{form.format(code(written))}")
        for verdict, words, written in prose.rules(runbook)
    ]


def _has_snapshot(runbook: Runbook) -> bool:
    return any(action.snapshot for action in runbook.action)


def _aws_command(op: str) -> str:
    operation = aws.operation(op)
    return f"aws {operation.service} {operation.method.replace('_', '-')} --cli-input-json file://undo.json"


def _running(runbook: Runbook) -> list[str]:
    """Return sentences about the calls of a scan, and what AWS charges for them."""
    single = list(chain.from_iterable(map(_single, runbook.with_)))
    made = [
        f"one {code(step.op)} a page{' and parent' if place else ''} in each region"
        for place, step in enumerate(runbook.list_)
    ]
    made += [f"one {code(call)} for each {prose.thing(runbook)}" for call in single]
    found = [sentence(listing(made)), _price([step.op for step in runbook.list_] + single)]
    if runbook.where and single:
        found.append(f"Only {prose.things(runbook)} of which {prose.rules(runbook)[0][1]} cost these single calls.")
    if _has_snapshot(runbook):
        found.append("A snapshot that a change leaves behind is charged until somebody deletes it.")
    return found


def _single(entry: object) -> list[str]:
    """Return the calls that are made for each item."""
    match entry:
        case Get():
            return [entry.get]
        case Metric():
            return ["cloudwatch.GetMetricStatistics"]
        case _:
            return []


def _price(operations: Iterable[str]) -> str:
    services = {operation.partition(".")[0] for operation in operations}
    if "cloudwatch" in services:
        return "CloudWatch charges requests for metrics by the thousand, beyond its free tier: see its price list."
    if "s3" in services:
        return "S3 charges requests by the thousand: fractions of a cent for each bucket."
    return "AWS does not charge these calls. It limits how many may be made a second; the runbook waits when told to."

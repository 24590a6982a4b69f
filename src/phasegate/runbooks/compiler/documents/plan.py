"""plan.md, in Spec Kit's form: how the spec is kept, and what it costs to keep it."""

from phasegate.runbooks.compiler.documents import prose
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.inventory_table import HEADING, there
from phasegate.runbooks.compiler.documents.requirement_map import criteria_of, functions, kept_in
from phasegate.runbooks.compiler.documents.text import bullets, code, listing, page, paragraphs, plain, sentence, table
from phasegate.runbooks.compiler.iam_policy import calls, explain
from phasegate.runbooks.language.iam_actions import is_destructive


def plan(context: Context) -> str:
    """The plan of one runbook."""
    return page(
        f"# Implementation Plan: {plain(context.title)}",
        f"**Branch**: {code(_branch(context))} | **Date**: {context.date} | **Spec**: [spec.md](spec.md)",
        "## Summary",
        _summary(context),
        "## Technical Context",
        _technical(context),
        HEADING,
        there(context.inventory),
        "## How it works",
        _how(context),
        "## Module boundaries and interfaces",
        _modules(context),
        "## Requirements and where they are kept",
        _requirements(context),
        "## Permissions",
        bullets(explain(context.policy)),
        "## Risks",
        bullets(_risks(context)),
        "## Decisions",
        bullets(_decisions(context)),
    )


def _branch(context: Context) -> str:
    return context.spec.folder.rsplit("/", 1)[-1]


def _summary(context: Context) -> str:
    runbook = context.runbook
    found = sentence(f"{prose.a_thing(runbook)} is found when {prose.found_when(runbook)}")
    acts = f"It acts on approved findings with {listing([code(action.op) for action in runbook.action])}."
    return page(
        paragraphs(context.spec.what or context.title),
        f"{prose.listed(runbook)} {found} {acts if runbook.action else 'It reports, and changes nothing.'}",
    )


def _technical(context: Context) -> str:
    runbook = context.runbook
    services = sorted({prose.service(call.operation) for call in calls(runbook)})
    facts = {
        "Language/Version": "Python 3.11 or newer",
        "Primary Dependencies": "boto3, jmespath and tzdata; the runtime is a copy in the package",
        "Storage": "none for findings; the action log and used approvals are files of the machine that applies",
        "Testing": "pytest with moto, without network",
        "Target Platform": f"the AWS API: {listing(services)}",
        "Project Type": f"one module of the package {code(context.package)}, and its command",
        "Performance Goals": "regions and items side by side; memory bounded by a page where nothing is joined",
        "Constraints": "dry run by default; a change needs an approval of exactly these findings",
        "Scale/Scope": sentence(f"{prose.things(runbook)} {prose.where(runbook)}")[:-1],
    }
    return "\\\n".join(f"**{name}**: {value}" for name, value in facts.items())


def _how(context: Context) -> str:
    runbook = context.runbook
    steps = [prose.listed(runbook), *prose.details(runbook)]
    steps += [
        sentence(f"{prose.a_thing(runbook)} is {verdict} when {words}: {code(text)}")
        for verdict, words, text in prose.rules(runbook)
    ]
    steps += [prose.cost(runbook), *prose.changes(runbook)]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _modules(context: Context) -> str:
    rows = [[code(f"{name}(…)"), plain(said)] for name, said in functions(context)]
    return page(
        f"{code(context.code)} holds what is particular to {prose.things(context.runbook)}, and nothing else. "
        f"It imports the "
        f"runtime ({code(f'{context.package}._runtime')}) and is imported by the command alone, which finds its "
        f"{code('RUNBOOK')}. It opens nothing itself: every call goes through the {code('Scan')} or the "
        f"{code('Change')} "
        "that it is handed, so that tests and dry runs see all of them.",
        table(["function", "what for"], rows),
        f"The command is {code(f'{context.project} {context.name}')}. Its answer as JSON is fixed by "
        "[contracts/report.schema.json](contracts/report.schema.json), a finding by "
        "[contracts/finding.schema.json](contracts/finding.schema.json); the fields that it reads are in "
        "[data-model.md](data-model.md).",
    )


def _requirements(context: Context) -> str:
    rows = [
        [
            each.id,
            plain(each.text),
            kept_in(context, each.text),
            ", ".join(criteria_of(context, each.id)) or "see test plan",
        ]
        for each in context.spec.requirements
    ]
    return table(["requirement", "says", "kept in", "shown by"], rows) if rows else "The spec names no requirement."


def _risks(context: Context) -> list[str]:
    runbook = context.runbook
    found = [f"{plain(name)}: {plain(value)}" for name, value in _declared(context) if value]
    destroys = [code(action.op) for action in runbook.action if is_destructive(action.op)]
    if destroys:
        found.append(f"{listing(destroys)} destroys what it is given. {prose.reversible(runbook)}")
    if any(entry.__class__.__name__ == "Metric" for entry in runbook.with_):
        found.append("A metric may have no datapoint: such an item is unknown and said so, never taken for idle.")
    found.append(
        "A call that fails is counted and shown, and the exit code is not 0: an incomplete scan does not look clean."
    )
    found.append(
        f"Between the list and the change {prose.a_thing(runbook)} may have changed: findings are listed again, and an "
        "approval of other findings is refused."
        if runbook.action
        else "The list shows one moment; what appears later is found by the next run."
    )
    return found


def _declared(context: Context) -> list[tuple[str, str]]:
    risk = context.spec.risk
    if risk is None:
        return []
    return [
        ("Severity, as the spec declares it", risk.severity),
        ("Blast radius", risk.blast_radius),
        ("Data", risk.data),
        ("Reversible", risk.reversible),
    ]


def _decisions(context: Context) -> list[str]:
    found = [
        f"{plain(each.question)} {plain(each.answer)} (asked on {plain(each.date)})"
        for each in context.spec.clarifications
    ]
    found += prose.guards(context.runbook) if context.runbook.action else []
    if context.runbook.schedule:
        found.append(f"It is meant to run at {code(context.runbook.schedule)} (cron, UTC): a dry run each time.")
    return found or ["None beyond what the spec says."]

"""The decision record: what was decided for this runbook, and what else could have been."""

from phasegate.runbooks.compiler.documents import prose
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.text import bullets, code, listing, page, paragraphs, plain, sentence
from phasegate.runbooks.language.iam_actions import is_destructive
from phasegate.runbooks.language.model import Join, Metric, Union


def adr(context: Context, number: int) -> str:
    """The decision record of one runbook, under its number."""
    return page(
        f"# {number:03}. {plain(context.title)}",
        f"Date: {context.date}\\\nStatus: proposed; accepted when the architecture review approves this tree\\\n"
        f"Spec: {code(context.spec.folder)}",
        "## Context",
        paragraphs(context.spec.what or context.title),
        *(paragraphs(story.why) for story in context.spec.stories if story.why),
        "## Decision",
        bullets(_decided(context)),
        "## Consequences",
        bullets(_consequences(context)),
        "## Alternatives",
        bullets(_alternatives(context)),
    )


def _decided(context: Context) -> list[str]:
    runbook = context.runbook
    found = [prose.listed(runbook)]
    found.append(sentence(f"{prose.a_thing(runbook)} is a finding when {prose.found_when(runbook)}"))
    found += prose.details(runbook)
    if runbook.action:
        found.append(f"On approved findings, in this order: {' '.join(prose.changes(runbook))}")
        found += prose.guards(runbook)
    else:
        found.append("It reports and changes nothing: the spec asks for no remediation.")
    return found


def _consequences(context: Context) -> list[str]:
    runbook = context.runbook
    found = [prose.cost(runbook), prose.reversible(runbook)]
    if any(action.snapshot for action in runbook.action):
        found.append("Snapshots stay behind, and cost something, until a person or another runbook deletes them.")
    if any(isinstance(entry, Join | Union) for entry in runbook.with_):
        found.append("A joined listing is read once a region and kept in memory; it grows with the account.")
    if any(isinstance(entry, Metric) for entry in runbook.with_):
        found.append(
            f"Each {prose.thing(runbook)} costs a request to CloudWatch; one without data is unknown, not idle."
        )
    found.append(f"A role needs the policy in {code(context.policy_path)}, and no more.")
    return found


def _alternatives(context: Context) -> list[str]:
    runbook = context.runbook
    found = []
    destroys = [code(action.op) for action in runbook.action if is_destructive(action.op)]
    if destroys:
        found.append(f"Report only, and leave {listing(destroys)} to people. It is safer, and a dry run is just this.")
    elif runbook.action:
        found.append("Report only: nothing can go wrong, and nothing gets better by itself. A dry run is just this.")
    else:
        found.append("Act as well: the spec would have to say how, how to undo it, and what holds it back.")
    if runbook.guard.protect_tags:
        found.append(
            "Tags that opt in instead of tags that protect: nobody would set them, and waste has no owner who would."
        )
    params = [
        f"{code(name)} fixed at {code(value)} instead of a parameter" for name, value in runbook.scope.params.items()
    ]
    if params:
        found.append(f"{sentence(listing(params))[:-1]}: simpler, but teams differ, and would fork the runbook.")
    found.append(
        "A service's own advice, such as Trusted Advisor: it does not know these criteria, and cannot be tested."
    )
    return found

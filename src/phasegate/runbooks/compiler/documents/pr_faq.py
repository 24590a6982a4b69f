"""The PR/FAQ: what the team will say on the day it ships, and what it will be asked."""

from phasegate.runbooks.compiler.documents import prose
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.text import bullets, code, listing, page, paragraphs, plain, sentence
from phasegate.runbooks.compiler.iam_policy import explain
from phasegate.runbooks.language.model import Runbook


def pr_faq(context: Context) -> str:
    """The PR/FAQ of one runbook."""
    questions = [question for question in _questions(context) if question[1]]
    return page(
        f"# PR/FAQ: {plain(context.title)}",
        "## Press release",
        _release(context),
        "## Questions",
        *(f"**{question}**\n\n{answer}" for question, answer in questions),
        *(f"**{plain(each.question)}**\n\n{plain(each.answer)}" for each in context.spec.clarifications),
        "## How we will know that it works",
        bullets(f"{each.id}: {plain(each.text)}" for each in context.spec.success_criteria)
        or "The spec names no success criterion.",
    )


def _release(context: Context) -> str:
    runbook = context.runbook
    what = (
        f"it finds {prose.things(runbook)} {prose.where(runbook)} of which this is true: {prose.found_when(runbook)}."
    )
    return page(
        f"{context.date} — {code(context.project)} has a new runbook, {code(context.name)}: {what}{_acts(runbook)}",
        *(paragraphs(text) for story in context.spec.stories[:1] for text in (story.narrative, story.why) if text),
        f"To try it: {code(f'{context.project} {context.name}')}. That is a dry run, and changes nothing.",
    )


def _acts(runbook: Runbook) -> str:
    if not runbook.action:
        return ""
    snapshot = " after a snapshot" if any(action.snapshot for action in runbook.action) else ""
    called = listing([code(action.op) for action in runbook.action])
    return f" Once a person has approved the findings, it calls {called}{snapshot}."


def _questions(context: Context) -> list[tuple[str, str]]:
    runbook = context.runbook
    many = prose.things(runbook)
    return [
        ("Will it change anything when I run it?", _will_it_change(context)),
        (f"How does it know which {many} to report?", " ".join(_how(context))),
        (f"How do I keep it away from {prose.a_thing(runbook)}?", _away(context)),
        ("Can I get back what it changed?", prose.reversible(runbook) if runbook.action else ""),
        ("What does a finding cost us?", prose.cost(runbook)),
        ("Which permissions does it need?", bullets(explain(context.policy))),
        (
            "What if AWS does not answer, or has no data?",
            "It says so: the verdict is unknown, the error is counted, and the exit code is not 0. Silence is "
            "never waste.",
        ),
    ]


def _will_it_change(context: Context) -> str:
    if not context.runbook.action:
        return "No. It only reads."
    return (
        f"No. Without {code('--apply')} and a signed approval it only reads. {' '.join(prose.guards(context.runbook))}"
    )


def _how(context: Context) -> list[str]:
    runbook = context.runbook
    return [
        sentence(f"{prose.a_thing(runbook)} is {verdict} when {words} ({code(text)})")
        for verdict, words, text in prose.rules(runbook)
    ]


def _away(context: Context) -> str:
    runbook = context.runbook
    tags = runbook.guard.protect_tags
    if runbook.action and tags:
        keys = listing([code(tag) for tag in tags], "or")
        return f"Give it a tag with the key {keys}: it is never changed then. Whether it is still found is said above."
    return ""

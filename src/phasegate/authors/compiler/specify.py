"""Product owner's draft: the spec as handed in, with what is missing added in the user's own layout."""

from collections.abc import Iterator

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.comments import follow
from phasegate.authors.kinds import runbook_path
from phasegate.runbooks import Runbook, load
from phasegate.runbooks.language.iam_actions import is_destructive
from phasegate.spec import (
    NewCriterion,
    Risk,
    Spec,
    add_clarification,
    add_criteria,
    add_requirement,
    add_risk,
    add_story,
    label_criteria,
    parse_spec,
)


async def specify(brief: Brief) -> Draft:
    """Add criteria, requirements and risk where the spec has none, and follow the manager's comments."""
    path, place = f"{brief.facts.spec}/spec.md", runbook_path(brief.facts.spec)
    standing = {p: brief.files[p] for p in brief.files if p.startswith(f"{brief.facts.spec}/")}
    files = {**standing, **brief.handed_in}
    runbook, answers, kept = files[place].decode(), [], []
    for comment in brief.comments:
        followed = follow(runbook, place, comment)
        kept += [(comment, followed.answer)] if followed.text == runbook else []
        runbook = followed.text
        answers.append(followed.answer)
    spec = completed(files[path].decode(), brief.facts.spec, load(runbook, place))
    for comment, answer in kept:
        spec = add_clarification(
            spec, date=brief.facts.date.isoformat(), question=_one_line(comment), answer=_one_line(answer)
        )
    return Draft(
        files={**files, path: spec.encode(), place: runbook.encode()},
        message=f"what {brief.facts.name} is to do",
        answers=tuple(answers),
    )


def completed(text: str, folder: str, runbook: Runbook) -> str:
    """Return the spec with a story, criteria, requirements and a risk from the runbook where it has none."""
    spec = parse_spec(text, folder)
    if not spec.stories:
        text = add_story(
            text,
            title=f"See every finding of '{spec.title}'",
            narrative=spec.what or f"As a cloud engineer I want to see what '{runbook.title}' finds.",
            why="Without the finding there is nothing to decide.",
            test="Run the runbook as a dry run against an account with known resources and compare the ids.",
        )
    text = add_criteria(text, list(_criteria(parse_spec(text, folder), runbook)))
    for sentence in _requirements(parse_spec(text, folder), runbook):
        text = add_requirement(text, sentence)
    if not spec.success_criteria:
        text = add_requirement(
            text, "On an account with known resources, the ids found are the ids expected.", kind="SC"
        )
    return label_criteria(add_risk(text, _risk(runbook)))


def _criteria(spec: Spec, runbook: Runbook) -> Iterator[NewCriterion]:
    said = " ".join(criterion.text.lower() for criterion in spec.criteria)
    if not said:
        yield NewCriterion(
            given=f"a resource for which `{runbook.match}` holds", when="the runbook runs", then="it is reported"
        )
        yield NewCriterion(
            given=f"a resource for which `{runbook.match}` does not hold",
            when="the runbook runs",
            then="it is not reported",
        )
    if runbook.action and not any(word in said for word in ("dry run", "dry-run", "approv")):
        yield NewCriterion(given="a finding", when="the runbook runs without an approval", then="nothing is changed")
    if any(action.snapshot for action in runbook.action) and "snapshot" not in said:
        yield NewCriterion(
            given="an approved finding", when="it is remediated", then="a snapshot is complete before anything changes"
        )


def _requirements(spec: Spec, runbook: Runbook) -> Iterator[str]:
    if spec.requirements:
        return
    yield f"The runbook MUST report every resource for which `{runbook.match}` holds, with its evidence."
    yield "The runbook MUST say which resources it could not judge, and why."
    if runbook.action:
        operations = ", ".join(f"`{action.op}`" for action in runbook.action)
        yield f"The runbook MUST call {operations} only for findings that a manager approved."


def _risk(runbook: Runbook) -> Risk:
    destructive = [action for action in runbook.action if is_destructive(action.op)]
    undo = all(action.undo for action in runbook.action)
    return Risk(
        severity=runbook.severity,
        blast_radius="Reads only." if not runbook.action else "The resources of the approved findings, no others.",
        data="Deletes resources." if destructive else "Deletes nothing.",
        reversible="Nothing to undo." if not runbook.action else "Yes, by its undo." if undo else "Not by itself.",
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())

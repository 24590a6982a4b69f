"""QA specialist's test plan and Python engineer's tasks."""

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.build import context_of
from phasegate.authors.compiler.comments import answered
from phasegate.authors.record import with_record
from phasegate.runbooks.compiler.documents import tasks as tasks_document
from phasegate.runbooks.compiler.documents import test_plan as test_plan_document
from phasegate.runbooks.compiler.test_generator import test_names


async def test_plan(brief: Brief) -> Draft:
    """Name a test for each criterion, and for what must not happen, before they are written."""
    context = context_of(brief)
    tests = test_names(context.runbook, context.spec.criteria)
    return _document(brief, "test-plan.md", test_plan_document(context, tests), "what is to be tested")


async def tasks(brief: Brief) -> Draft:
    """Cut the work into small units, each tied to its requirements."""
    return _document(brief, "tasks.md", tasks_document(context_of(brief)), "what is to be done")


def _document(brief: Brief, name: str, text: str, message: str) -> Draft:
    path = f"{brief.facts.spec}/{name}"
    answers = answered(brief.comments, brief.facts.spec)
    before = brief.files.get(path, b"").decode()
    return Draft(
        files={path: with_record(text, before, brief.comments, answers).encode()}, message=message, answers=answers
    )


test_plan.__test__ = False  # type: ignore[attr-defined]

"""Cloud architect's plan, QA specialist's test plan, and Python engineer's tasks."""

import json

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.build import context_of, policy_json
from phasegate.authors.compiler.comments import answered, recorded
from phasegate.runbooks.compiler import documents
from phasegate.runbooks.compiler.test_generator import test_names


async def plan(brief: Brief) -> Draft:
    """Write plan.md, data-model.md, contracts, iam-policy.json, and a decision record."""
    facts, context = brief.facts, context_of(brief)
    path = f"{facts.spec}/plan.md"
    number = int(facts.folder.partition("-")[0]) if facts.folder[:1].isdigit() else 0
    written: dict[str, bytes | None] = {
        path: recorded(brief, path, documents.plan(context)),
        f"{facts.spec}/data-model.md": documents.data_model(context).encode(),
        f"{facts.spec}/iam-policy.json": policy_json(context.runbook),
        f"docs/decisions/{number:03}-{facts.name}.md": documents.adr(context, number).encode(),
    }
    for name, schema in documents.contracts(context).items():
        written[f"{facts.spec}/contracts/{name}"] = (json.dumps(schema, indent=2) + "\n").encode()
    return Draft(files=written, message=f"how {facts.name} is built", answers=answered(brief))


async def test_plan(brief: Brief) -> Draft:
    """Name a test for each criterion, and for what must not happen, before they are written."""
    context = context_of(brief)
    tests = test_names(context.runbook, context.spec.criteria)
    return _document(brief, "test-plan.md", documents.test_plan(context, tests), "what is to be tested")


# pytest would take it for a test wherever it is imported.
test_plan.__test__ = False  # type: ignore[attr-defined]


async def tasks(brief: Brief) -> Draft:
    """Cut the work into small units, each tied to its requirements."""
    return _document(brief, "tasks.md", documents.tasks(context_of(brief)), "what is to be done")


def _document(brief: Brief, name: str, text: str, message: str) -> Draft:
    path = f"{brief.facts.spec}/{name}"
    return Draft(files={path: recorded(brief, path, text)}, message=message, answers=answered(brief))

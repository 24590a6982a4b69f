"""Cloud architect's plan: module boundaries, data, contracts, decision record and AWS permissions."""

import json

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.build import context_of, policy_json
from phasegate.authors.compiler.comments import answered
from phasegate.authors.record import with_record
from phasegate.runbooks.compiler.documents import adr, contracts, data_model
from phasegate.runbooks.compiler.documents import plan as plan_document


async def plan(brief: Brief) -> Draft:
    """Write plan.md, data-model.md, contracts, iam-policy.json, and a decision record."""
    facts, context = brief.facts, context_of(brief)
    answers = answered(brief.comments, facts.spec)
    path = f"{facts.spec}/plan.md"
    before = brief.files.get(path, b"").decode()
    number = int(facts.folder.partition("-")[0]) if facts.folder[:1].isdigit() else 0
    written: dict[str, bytes | None] = {
        path: with_record(plan_document(context), before, brief.comments, answers).encode(),
        f"{facts.spec}/data-model.md": data_model(context).encode(),
        f"{facts.spec}/iam-policy.json": policy_json(context.runbook),
        f"docs/decisions/{number:03}-{facts.name}.md": adr(context, number).encode(),
    }
    for name, schema in contracts(context).items():
        written[f"{facts.spec}/contracts/{name}"] = (json.dumps(schema, indent=2) + "\n").encode()
    return Draft(files=written, message=f"how {facts.name} is built", answers=answers)

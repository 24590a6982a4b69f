"""Code by the Python engineer, tests by the QA specialist, pages by the document engineer."""

import json

from phasegate.authors.author import Brief, Draft
from phasegate.authors.compiler.comments import answered, recorded
from phasegate.authors.sources import sources
from phasegate.runbooks import Runbook
from phasegate.runbooks.compiler.codegen import compile_module, runtime_files
from phasegate.runbooks.compiler.documents import Context, pr_faq, runbook_page
from phasegate.runbooks.compiler.iam_policy import policy
from phasegate.runbooks.compiler.test_generator import compile_tests
from phasegate.runbooks.language.inventory import Inventory
from phasegate.runbooks.prices import price_table


async def code(brief: Brief) -> Draft:
    """Write the module, its IAM policy, and the runtime where the target's is not the newest."""
    facts, given = brief.facts, sources(brief.files, brief.facts)
    package = f"src/{facts.package}"
    files = {
        f"{package}/runbooks/{facts.module}.py": compile_module(
            given.runbook, name=facts.name, criteria=given.spec.criteria
        ).encode(),
        f"{package}/runbooks/{facts.module}.iam-policy.json": policy_json(given.runbook),
        f"{package}/prices.json": brief.files.get(f"{package}/prices.json", price_table()),
        **{f"{package}/_runtime/{name}": content for name, content in runtime_files().items()},
    }
    return Draft(
        files={path: content for path, content in files.items() if brief.files.get(path) != content},
        message=f"the runbook {facts.name}",
        answers=answered(brief),
    )


async def tests(brief: Brief) -> Draft:
    """Write a test for each criterion, and for what must not happen."""
    facts, given = brief.facts, sources(brief.files, brief.facts)
    written = compile_tests(given.runbook, package=facts.package, module=facts.module, criteria=given.spec.criteria)
    return Draft(files=dict(written), message=f"tests of {facts.name}", answers=answered(brief))


async def docs(brief: Brief) -> Draft:
    """Write the runbook's page and its PR/FAQ."""
    facts, context = brief.facts, context_of(brief)
    path = f"docs/runbooks/{facts.name}.md"
    return Draft(
        files={
            path: recorded(brief, path, runbook_page(context)),
            f"docs/pr-faq/{facts.name}.md": pr_faq(context).encode(),
        },
        message=f"pages about {facts.name}",
        answers=answered(brief),
    )


def context_of(brief: Brief) -> Context:
    """Return the context that documents are written from."""
    facts, given = brief.facts, sources(brief.files, brief.facts)
    counted = brief.observations.get("inventory")
    return Context(
        runbook=given.runbook,
        spec=given.spec,
        policy=policy(given.runbook),
        project=facts.project,
        package=facts.package,
        module=facts.module,
        name=facts.name,
        date=facts.date,
        inventory=Inventory.from_json(counted) if counted else None,
    )


def policy_json(runbook: Runbook) -> bytes:
    """Return the IAM policy as it stands in the tree."""
    return (json.dumps(policy(runbook), indent=2) + "\n").encode()

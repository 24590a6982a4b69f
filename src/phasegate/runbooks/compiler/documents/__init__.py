"""The documents of a runbook, written from its spec and its runbook.yaml: pure functions, the same bytes each time."""

from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.contracts import contracts
from phasegate.runbooks.compiler.documents.inventory_table import planned
from phasegate.runbooks.compiler.documents.pages import (
    UNTESTED,
    adr,
    data_model,
    plan,
    pr_faq,
    runbook_page,
    tasks,
    test_plan,
)
from phasegate.runbooks.compiler.documents.tasks import negatives

__all__ = [
    "UNTESTED",
    "Context",
    "adr",
    "contracts",
    "data_model",
    "negatives",
    "plan",
    "planned",
    "pr_faq",
    "runbook_page",
    "tasks",
    "test_plan",
]

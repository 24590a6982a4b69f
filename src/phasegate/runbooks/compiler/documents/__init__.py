"""The documents of a runbook, written from its spec and its runbook.yaml: pure functions, the same bytes each time."""

from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.contracts import contracts
from phasegate.runbooks.compiler.documents.inventory_table import HEADING, planned, there
from phasegate.runbooks.compiler.documents.pages import (
    adr,
    data_model,
    plan,
    pr_faq,
    runbook_page,
    tasks,
    test_plan,
)

__all__ = [
    "HEADING",
    "UNTESTED",
    "Context",
    "adr",
    "contracts",
    "data_model",
    "plan",
    "planned",
    "pr_faq",
    "runbook_page",
    "tasks",
    "test_plan",
    "there",
]

"""The documents of a runbook, written from its spec and its runbook.yaml: pure functions, the same bytes each time."""

from phasegate.runbooks.compiler.documents.adr import adr
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.data_model import contracts, data_model
from phasegate.runbooks.compiler.documents.inventory_table import planned
from phasegate.runbooks.compiler.documents.plan import plan
from phasegate.runbooks.compiler.documents.pr_faq import pr_faq
from phasegate.runbooks.compiler.documents.runbook_page import runbook_page
from phasegate.runbooks.compiler.documents.tasks import UNTESTED, negatives, tasks, test_plan

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

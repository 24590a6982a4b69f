"""The documents of a runbook, written from its spec and its runbook.yaml: pure functions, the same bytes each time."""

from phasegate.runbooks.documents.adr import adr
from phasegate.runbooks.documents.context import Context
from phasegate.runbooks.documents.data_model import contracts, data_model
from phasegate.runbooks.documents.plan import plan
from phasegate.runbooks.documents.pr_faq import pr_faq
from phasegate.runbooks.documents.runbook_page import runbook_page
from phasegate.runbooks.documents.there import planned
from phasegate.runbooks.documents.work import UNTESTED, negatives, tasks, test_plan

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

"""Runtime of this package's runbooks: pages, regions and accounts, verdicts, prices, approvals, the action log.

Written by Phasegate and laid in as it is; it needs boto3, jmespath and tzdata, and imports nothing else from outside
this folder.
"""

from .changes import Change, Guard
from .cli import main
from .engine import run
from .errors import CallError, Prerequisite, Refused, RunbookError, Unanswered, WrongUse
from .expressions import expression
from .functions import (
    add,
    as_list,
    capture,
    contains,
    div,
    ends_with,
    glob,
    join,
    length,
    lower,
    matches,
    minus,
    mul,
    none_in,
    not_null,
    parse_csv,
    parse_json,
    round_to,
    split,
    starts_with,
    sub,
    tag,
    union,
    within,
    zip_lists,
)
from .joins import Index, batches, chunks, distinct, each_of, known
from .network import in_cidr, opens_port
from .places import Order
from .prices import Cost, PriceTable, total
from .remediation import Changed, Outcome, apply
from .runbook import Detail, Finding, PageDetail, Report, Runbook, Verdict
from .scan import Row, Scan
from .values import Values, above, at_least, at_most, below, equal, field, truth

__all__ = [
    "CallError",
    "Change",
    "Changed",
    "Cost",
    "Detail",
    "Finding",
    "Guard",
    "Index",
    "Order",
    "Outcome",
    "PageDetail",
    "Prerequisite",
    "PriceTable",
    "Refused",
    "Report",
    "Row",
    "Runbook",
    "RunbookError",
    "Scan",
    "Unanswered",
    "Values",
    "Verdict",
    "WrongUse",
    "above",
    "add",
    "apply",
    "as_list",
    "at_least",
    "at_most",
    "batches",
    "below",
    "capture",
    "chunks",
    "contains",
    "distinct",
    "div",
    "each_of",
    "ends_with",
    "equal",
    "expression",
    "field",
    "glob",
    "in_cidr",
    "join",
    "known",
    "length",
    "lower",
    "main",
    "matches",
    "minus",
    "mul",
    "none_in",
    "not_null",
    "opens_port",
    "parse_csv",
    "parse_json",
    "round_to",
    "run",
    "split",
    "starts_with",
    "sub",
    "tag",
    "total",
    "truth",
    "union",
    "within",
    "zip_lists",
]

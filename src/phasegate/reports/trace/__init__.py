"""From a spec's requirement to what was released of it, and back: every link with the place that says so."""

from phasegate.reports.trace.approvals import Approval, approvals_by
from phasegate.reports.trace.build import trace, trace_of, trace_of_spec
from phasegate.reports.trace.model import (
    Gap,
    Kind,
    Link,
    Node,
    Origin,
    Row,
    Source,
    Status,
    Step,
    Trace,
    TraceGraph,
    Walk,
)
from phasegate.reports.trace.record import GateVisit, Record
from phasegate.reports.trace.rows import find, report, requirement_rows, walk

__all__ = [
    "Approval",
    "Gap",
    "GateVisit",
    "Kind",
    "Link",
    "Node",
    "Origin",
    "Record",
    "Row",
    "Source",
    "Status",
    "Step",
    "Trace",
    "TraceGraph",
    "Walk",
    "approvals_by",
    "find",
    "report",
    "requirement_rows",
    "trace",
    "trace_of",
    "trace_of_spec",
    "walk",
]

"""From a spec's requirement to what was released of it, and back: every link with the place that says so."""

from phasegate.reports.trace.approvals import Approval, approvals_by
from phasegate.reports.trace.build import trace
from phasegate.reports.trace.collect import trace_of, trace_of_spec
from phasegate.reports.trace.find import find
from phasegate.reports.trace.model import Gap, Kind, Link, Node, Origin, Source, Step, Trace, walk_json
from phasegate.reports.trace.record import Passage, Record
from phasegate.reports.trace.rows import Row, Status, requirement_rows

__all__ = [
    "Approval",
    "Gap",
    "Kind",
    "Link",
    "Node",
    "Origin",
    "Passage",
    "Record",
    "Row",
    "Source",
    "Status",
    "Step",
    "Trace",
    "approvals_by",
    "find",
    "requirement_rows",
    "trace",
    "trace_of",
    "trace_of_spec",
    "walk_json",
]

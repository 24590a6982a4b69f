"""From a spec's requirement to what was released of it, and back: every link with the place that says so."""

from phasegate.app.trace.approvals import Approval, approvals_by
from phasegate.app.trace.build import trace
from phasegate.app.trace.collect import trace_of, trace_of_spec
from phasegate.app.trace.find import find
from phasegate.app.trace.model import Gap, Kind, Link, Node, Origin, Source, Step, Trace, walk_json
from phasegate.app.trace.record import Passage, Record
from phasegate.app.trace.rows import Row, Status, requirement_rows

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

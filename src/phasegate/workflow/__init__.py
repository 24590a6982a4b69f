"""The state machine: phases, gates, segments."""

from phasegate.workflow.decide import decide, rule_of
from phasegate.workflow.gatekeeper import Gatekeeper, Manager, Surroundings
from phasegate.workflow.graph import Nodes, build_graph, flow_digest
from phasegate.workflow.nodes import Effect, Facing, Outcome, TeamNodes, branch
from phasegate.workflow.reports import findings_of, judged
from phasegate.workflow.segment import Segments, segments

__all__ = [
    "Effect",
    "Facing",
    "Gatekeeper",
    "Manager",
    "Nodes",
    "Outcome",
    "Segments",
    "Surroundings",
    "TeamNodes",
    "branch",
    "build_graph",
    "decide",
    "findings_of",
    "flow_digest",
    "judged",
    "rule_of",
    "segments",
]

"""The state machine: phases, gates, segments.

`graph`, `nodes`, `segment` and `worker` are imported by their own names: they load LangGraph and the queue, which takes
a second, and most commands only read.
"""

from phasegate.workflow.decide import decide, rule_of
from phasegate.workflow.effect import EFFECTS, Effect, Outcome
from phasegate.workflow.gatekeeper import Gatekeeper, Manager, Surroundings
from phasegate.workflow.reports import findings_of, judged
from phasegate.workflow.state import branch

__all__ = [
    "EFFECTS",
    "Effect",
    "Gatekeeper",
    "Manager",
    "Outcome",
    "Surroundings",
    "branch",
    "decide",
    "findings_of",
    "judged",
    "rule_of",
]

"""The state machine: phases, gates, segments.

`graph`, `nodes`, `segment` and `worker` are imported by their own names: they load LangGraph and the queue, which takes
a second, and most commands only read.
"""

from phasegate.workflow.engine.effect import EFFECTS, Effect, Outcome
from phasegate.workflow.gates.approvers import Approvers, Channel, Credentials, Kind, Manager
from phasegate.workflow.gates.decide import decide, rule_of
from phasegate.workflow.gates.gatekeeper import Gatekeeper, PolicyFacts, signed
from phasegate.workflow.gates.revoke import delegate, end_delegation, revoke
from phasegate.workflow.gates.timers import sweep
from phasegate.workflow.reports import findings_of, latest_reports
from phasegate.workflow.state import RunState, branch

__all__ = [
    "EFFECTS",
    "Approvers",
    "Channel",
    "Credentials",
    "Effect",
    "Gatekeeper",
    "Kind",
    "Manager",
    "Outcome",
    "PolicyFacts",
    "RunState",
    "branch",
    "decide",
    "delegate",
    "end_delegation",
    "findings_of",
    "latest_reports",
    "revoke",
    "rule_of",
    "signed",
    "sweep",
]

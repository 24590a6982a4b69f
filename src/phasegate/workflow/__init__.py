"""The state machine: phases, gates, segments.

`graph`, `nodes`, `segment` and `worker` are imported by their own names: they load LangGraph and the queue, which takes
a second, and most commands only read.
"""

from phasegate.workflow.approvers import Channel, Credentials, Kind, Manager, Register
from phasegate.workflow.decide import decide, rule_of
from phasegate.workflow.effect import EFFECTS, Effect, Outcome
from phasegate.workflow.gatekeeper import Gatekeeper, Surroundings, signed
from phasegate.workflow.reports import findings_of, judged
from phasegate.workflow.revoke import delegate, end_delegation, revoke
from phasegate.workflow.state import branch
from phasegate.workflow.watch import sweep

__all__ = [
    "EFFECTS",
    "Channel",
    "Credentials",
    "Effect",
    "Gatekeeper",
    "Kind",
    "Manager",
    "Outcome",
    "Register",
    "Surroundings",
    "branch",
    "decide",
    "delegate",
    "end_delegation",
    "findings_of",
    "judged",
    "revoke",
    "rule_of",
    "signed",
    "sweep",
]

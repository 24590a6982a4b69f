"""Gates: opened, decided, revoked, delegated and timed."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily
from phasegate.workflow.gates.approvers import FRESH
from phasegate.workflow.gates.clock_steadiness import STEADY
from phasegate.workflow.gates.gatekeeper import decision_event

if TYPE_CHECKING:
    from phasegate.workflow.gates.tool_grants import grant_tools as grant_tools
    from phasegate.workflow.gates.tool_grants import standing_grants as standing_grants

__all__ = ["FRESH", "STEADY", "decision_event"]

__getattr__ = lazily(__name__, __file__)

"""What a role can do in a run: calls of tools, each allowed by name, bounded, recorded, and answered as data."""

from phasegate.tools.hands.answer import Answer
from phasegate.tools.hands.call import Call
from phasegate.tools.hands.hands import Hands, Record
from phasegate.tools.hands.pins import fingerprint
from phasegate.tools.hands.policy import Policy
from phasegate.tools.hands.scope import Scope
from phasegate.tools.hands.sessions import WAITS, Sessions

__all__ = ["WAITS", "Answer", "Call", "Hands", "Policy", "Record", "Scope", "Sessions", "fingerprint"]

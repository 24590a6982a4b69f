"""What a role can do in a run: calls of tools, each allowed by name, bounded, recorded, and answered as data."""

from phasegate.tools.hands.answer import Answer
from phasegate.tools.hands.call import Call
from phasegate.tools.hands.hands import Ask, Hands, Record
from phasegate.tools.hands.pins import fingerprint, told
from phasegate.tools.hands.policy import Policy
from phasegate.tools.hands.scope import Scope
from phasegate.tools.hands.sessions import WAITS, Sessions

__all__ = ["WAITS", "Answer", "Ask", "Call", "Hands", "Policy", "Record", "Scope", "Sessions", "fingerprint", "told"]

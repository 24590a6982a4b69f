"""Tool client of a role: calls that are allowed by name, bounded, recorded, and answered as data."""

from phasegate.tools.client.answer import Answer, as_text
from phasegate.tools.client.call import Call
from phasegate.tools.client.fingerprint import described, fingerprint
from phasegate.tools.client.offered import offered_name
from phasegate.tools.client.policy import Policy
from phasegate.tools.client.scope import Scope
from phasegate.tools.client.session import MOST_PAGES
from phasegate.tools.client.sessions import WAITS, Sessions
from phasegate.tools.client.stdio import LOGGED_BYTES
from phasegate.tools.client.tool_client import Ask, Record, ToolClient

__all__ = [
    "LOGGED_BYTES",
    "MOST_PAGES",
    "WAITS",
    "Answer",
    "Ask",
    "Call",
    "Policy",
    "Record",
    "Scope",
    "Sessions",
    "ToolClient",
    "as_text",
    "described",
    "fingerprint",
    "offered_name",
]

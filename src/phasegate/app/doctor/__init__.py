"""Whether everything that is configured works, and what to do where it does not."""

from phasegate.app.doctor.check import Check, Said, Skipped, State, ask
from phasegate.app.doctor.checks import checks_of

__all__ = ["Check", "Said", "Skipped", "State", "ask", "checks_of"]

"""Whether everything that is configured works, and what to do where it does not."""

from phasegate.doctor.check import Check, CheckResult, Skipped, State, run_checks
from phasegate.doctor.checks import checks_of

__all__ = ["Check", "CheckResult", "Skipped", "State", "checks_of", "run_checks"]

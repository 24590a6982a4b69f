"""Checks that everything configured works, each with its remedy."""

from phasegate.doctor.check import Check, CheckResult, Skipped, State, run_checks
from phasegate.doctor.checks import checks_of

__all__ = ["Check", "CheckResult", "Skipped", "State", "checks_of", "run_checks"]

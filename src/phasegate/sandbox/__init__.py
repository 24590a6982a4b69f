"""The seam to process isolation: generated code runs here and nowhere else."""

from phasegate.sandbox.bubblewrap import Bubblewrap
from phasegate.sandbox.find import find_sandbox
from phasegate.sandbox.landlock import Sandlock
from phasegate.sandbox.limits import MIB, Limit, Limits, Outcome, Sandbox
from phasegate.sandbox.scripted import Asked, ScriptedSandbox
from phasegate.sandbox.test_report import TestCase, TestReport, run_tests

__all__ = [
    "MIB",
    "Asked",
    "Bubblewrap",
    "Limit",
    "Limits",
    "Outcome",
    "Sandbox",
    "Sandlock",
    "ScriptedSandbox",
    "TestCase",
    "TestReport",
    "find_sandbox",
    "run_tests",
]

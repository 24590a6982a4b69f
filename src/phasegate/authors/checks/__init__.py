"""Deterministic checks: the evidence at a gate, whoever wrote the draft."""

from phasegate.authors.checks.code import bandit, dependency_allow_list, dry_run_default, wheel_contents
from phasegate.authors.checks.inventory import inventory
from phasegate.authors.checks.runbook import destructive_action, least_privilege, runbook_lint, snapshot_before_change
from phasegate.authors.checks.spec import criteria_coverage, spec_lint, trace
from phasegate.authors.checks.testing import TestRuns
from phasegate.authors.review import CHECKS, Check
from phasegate.release import Builder
from phasegate.sandbox import Sandbox

__all__ = ["checks"]


def checks(sandbox: Sandbox, builder: Builder) -> dict[str, Check]:
    """Return every check by its name."""
    runs = TestRuns(sandbox)
    bodies: list[Check] = [
        spec_lint,
        runbook_lint,
        trace,
        criteria_coverage,
        least_privilege,
        destructive_action,
        snapshot_before_change,
        dry_run_default,
        inventory,
        bandit,
        dependency_allow_list,
        runs.tests_pass,
        runs.coverage,
        wheel_contents(builder),
    ]
    return dict(zip(CHECKS, bodies, strict=True))

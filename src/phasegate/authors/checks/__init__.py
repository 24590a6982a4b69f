"""Deterministic checks: the evidence at a gate, whoever wrote the draft."""

from phasegate.authors.checks.code import bandit, dependency_allow_list, dry_run_default, wheel_contents
from phasegate.authors.checks.inventory import inventory
from phasegate.authors.checks.runbook import destructive_action, least_privilege, runbook_lint, snapshot_before_change
from phasegate.authors.checks.spec import criteria_coverage, spec_lint, trace
from phasegate.authors.checks.testing import TestRuns, approved_tests
from phasegate.authors.review import CHECKS, Check
from phasegate.release import Builder

__all__ = ["TestRuns", "approved_tests", "checks"]


def checks(runs: TestRuns, builder: Builder) -> dict[str, Check]:
    """Return every check by its name."""
    bodies: dict[str, Check] = {
        "spec-lint": spec_lint,
        "runbook-lint": runbook_lint,
        "trace": trace,
        "criteria-coverage": criteria_coverage,
        "least-privilege": least_privilege,
        "destructive-action": destructive_action,
        "snapshot-before-change": snapshot_before_change,
        "dry-run-default": dry_run_default,
        "inventory": inventory,
        "bandit": bandit,
        "dependency-allow-list": dependency_allow_list,
        "tests-pass": runs.tests_pass,
        "coverage": runs.coverage,
        "approved-tests": approved_tests,
        "wheel-contents": wheel_contents(builder),
    }
    return {name: bodies[name] for name in CHECKS}

"""Evaluation of a model as product owner: English intents, seeded accounts, and what a right runbook finds there."""

from phasegate.evaluation.dry_run import Case, DryRun, Seeded, dry_runs
from phasegate.evaluation.judging import Judgement, judged
from phasegate.evaluation.suite import Intent, Slip, Suite, Wanted, load_suite, read_intent

__all__ = [
    "Case",
    "DryRun",
    "Intent",
    "Judgement",
    "Seeded",
    "Slip",
    "Suite",
    "Wanted",
    "dry_runs",
    "judged",
    "load_suite",
    "read_intent",
]

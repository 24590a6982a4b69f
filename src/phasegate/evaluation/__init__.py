"""Evaluation of a model as product owner: English intents, seeded accounts, and what a right runbook finds there."""

from phasegate.evaluation.doubles import AUTHORS, handed_in, scripted, spec_of
from phasegate.evaluation.dry_run import Case, DryRun, Seeded, dry_runs
from phasegate.evaluation.evaluate import Candidate, concluded, evaluate
from phasegate.evaluation.judging import Judgement, judged
from phasegate.evaluation.results import Evaluation, IntentResult, Outcome, Totals, read_evaluation
from phasegate.evaluation.suite import NOW, Intent, Slip, Suite, Wanted, load_suite, read_intent

__all__ = [
    "AUTHORS",
    "NOW",
    "Candidate",
    "Case",
    "DryRun",
    "Evaluation",
    "Intent",
    "IntentResult",
    "Judgement",
    "Outcome",
    "Seeded",
    "Slip",
    "Suite",
    "Totals",
    "Wanted",
    "concluded",
    "dry_runs",
    "evaluate",
    "handed_in",
    "judged",
    "load_suite",
    "read_evaluation",
    "read_intent",
    "scripted",
    "spec_of",
]

"""The question of a gate in one sentence, and the runbook's policy in plain words."""

import json
from collections.abc import Mapping

from phasegate.app.app import App
from phasegate.core.formatting import count, listing, role
from phasegate.ledger import DecisionKind
from phasegate.reports.gate import GateView
from phasegate.reports.inbox import OpenGate

POLICY = "iam-policy.json"


def question(view: GateView, row: OpenGate, *, asked: bool) -> str:
    """Return the question of a gate, with the effect of an approval for whoever is asked."""
    authors = [role(name) for name in dict.fromkeys(author.role for author in view.phase.authors)]
    who = listing(authors)
    have = "have" if len(authors) > 1 else "has"
    again = f" for the {_ordinal(view.gate.key.attempt)} time" if view.gate.key.attempt > 1 else ""
    told = f"{who} {have} handed in “{view.phase.title}” for “{row.subject.title}”{again}."
    return f"{told} If you approve: {view.choices[DecisionKind.approve]}." if asked else told


def review_size(view: GateView) -> str:
    """Return the amount of text to read, and the number of findings."""
    lines = f"+{sum(c.added for c in view.changes):,} −{sum(c.removed for c in view.changes):,} lines"
    found = count(len(view.findings), "finding") if view.findings else "no findings"
    blocks = f"{len(view.blocking)} blocking" if view.blocking else "none blocking"
    return (
        f"{count(len(view.changes), 'file')} {view.compared} ({lines}); "
        f"{found}{f', {blocks}' if view.findings else ''}."
    )


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def permissions(app: App, view: GateView) -> list[str] | None:
    """Return the runbook's policy in words, statement by statement, or None where the tree has no policy yet."""
    text = app.workspace.tree(view.gate.commit).get(f"{view.run.spec}/{POLICY}")
    if text is None:
        return None
    from phasegate.runbooks.compiler.iam_policy import explain  # it loads IAM's data

    try:
        document = json.loads(text)
        return explain(document) if isinstance(document, Mapping) else []
    except (ValueError, KeyError, TypeError):
        return []

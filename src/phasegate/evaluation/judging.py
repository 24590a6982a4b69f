"""Judgement of a drafted runbook by what it found: its own words about itself count for nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.evaluation.dry_run import DryRun
from phasegate.evaluation.suite import Intent, Wanted
from phasegate.runbooks import load
from phasegate.runbooks.runtime import Verdict

_CENT = 0.01
_SUNDAY = _WEEKDAYS = 7
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, _WEEKDAYS))


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Differences between what a runbook did and what its sentence asks for."""

    missed: tuple[str, ...] = ()
    """Labels that it did not find."""
    extra: tuple[str, ...] = ()
    """Labels that it found and must not, or ids of what has no label."""
    wrong: tuple[str, ...] = ()
    """What else is not as the sentence says: money, severity, changes, schedule."""
    problem: str = ""
    """Why the dry run is not whole."""

    @property
    def holds(self) -> bool:
        """Return whether the runbook did what its sentence asks for."""
        return not (self.missed or self.extra or self.wrong or self.problem)


def judged(intent: Intent, runbook: str, run: DryRun) -> Judgement:
    """Compare a runbook and its dry run with what the intent's sentence asks for."""
    labels = [(_label(finding, run), finding) for finding in run.findings if _is_reported(finding)]
    found = dict(labels)
    again = {f"{label} again" for label, count in Counter(label for label, _ in labels).items() if count > 1}
    hits = {label: found[label] for label in intent.expect if label in found}
    weak = {label for label, finding in hits.items() if finding["verdict"] != Verdict.match}
    amiss = [text for label in sorted(hits) for text in _amiss(label, hits[label], intent.wanted(label))]
    return Judgement(
        missed=tuple(sorted({*intent.expect} - {*hits} | weak)),
        extra=tuple(sorted({*found} - {*intent.expect} | again)),
        wrong=(*amiss, *_unasked(intent, runbook)),
        problem=run.problem,
    )


def _is_reported(finding: Mapping[str, Any]) -> bool:
    """Return whether people are shown the finding as one: a warning is, too."""
    return finding["verdict"] in (Verdict.match, Verdict.warn)


def _label(finding: Mapping[str, Any], run: DryRun) -> str:
    """Return the label of what a finding is about, else its id and region."""
    here = (label for label, seeded in run.seeded.items() if finding["id"] in seeded.ids)
    # An id may stand in two regions: a finding in the wrong one is a miss and one too many.
    matching = [label for label in here if run.seeded[label].region in (finding["region"], "")]
    return matching[0] if matching else f"{finding['id']} in {finding['region']}"


def _amiss(label: str, finding: Mapping[str, Any], wanted: Wanted) -> Iterator[str]:
    if wanted.severity and finding["severity"] != wanted.severity:
        yield f"{label}: severity {finding['severity']} in place of {wanted.severity}"
    if wanted.monthly is None:
        return
    monthly = (finding["cost"] or {}).get("monthly")
    if monthly is None:
        yield f"{label}: no cost in place of ${wanted.monthly:.2f} a month"
    # Rounded at other places, the same prices differ in fractions of a cent.
    elif abs(monthly - wanted.monthly) > _CENT:
        yield f"{label}: ${monthly:.2f} in place of ${wanted.monthly:.2f} a month"


def _unasked(intent: Intent, runbook: str) -> Iterator[str]:
    """Yield what the runbook would change against the sentence."""
    document = load(runbook, "runbook.yaml")
    planned = [action.op for action in document.action]
    for operation in planned:
        if operation not in intent.changes:
            yield f"changes by {operation}, which nobody asked for"
    if intent.changes and not planned:
        yield f"changes nothing in place of {' or '.join(intent.changes)}"
    if intent.schedule and (not document.schedule or _times(document.schedule) != _times(intent.schedule)):
        yield f"schedule '{document.schedule or 'none'}' in place of '{intent.schedule}'"


def _times(schedule: str) -> list[frozenset[int]]:
    """Return the values of each field of a schedule, since one time can be written in several ways."""
    return [
        frozenset(value for part in field.split(",") for value in _values(part, least, most))
        for field, (least, most) in zip(schedule.split(), _FIELDS, strict=True)
    ]


def _values(part: str, least: int, most: int) -> Iterator[int]:
    span, _, step = part.partition("/")
    first, _, last = (f"{least}-{most}" if span == "*" else span).partition("-")
    end = int(last) if last else most if step else int(first)
    for value in range(int(first), end + 1, int(step or 1)):
        yield 0 if most == _WEEKDAYS and value == _SUNDAY else value

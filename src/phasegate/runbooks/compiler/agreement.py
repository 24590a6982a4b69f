"""Lint of a spec against its runbook: what the prose says and the runbook does not do, or cannot show.

People approve the prose, and the compiler builds the runbook. Where the two differ, nobody has approved what is built.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.compiler.test_generator import test_names
from phasegate.runbooks.language.model import Runbook
from phasegate.spec import Spec

CHECK = "agreement"
UNTESTABLE = "untestable-criterion"
"""Rule of the finding about a criterion that no test can show."""
_LIMIT = re.compile(r"in one (?:go|run)|at (?:most|once|a time)|(?:per|a|each) run\b", re.IGNORECASE)
_COUNT = re.compile(
    r"(?<![\w.,-])(\d+)(?![\w.,-]*\d)(?! ?(?:%|percent|days?|hours?|minutes?|weeks?|months?|[GMKT]i?B)\b)"
)
_DAYS = re.compile(r"(\d+) ?(?:working |calendar )?days?\b", re.IGNORECASE)


class _Passage(NamedTuple):
    text: str
    line: int
    requirement: str


def agreement(spec: Spec, runbook: Runbook) -> list[Finding]:
    """Return a finding for each acceptance criterion that no test can show, and for each value that differs.

    Args:
        spec: the prose.
        runbook: what is compiled.
    """
    return [
        *_untestable(spec, runbook),
        *_other_limit(spec, runbook),
        *_other_days(spec, runbook),
        *_other_risk(spec, runbook),
    ]


def _untestable(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    shown = {id_ for _, ids in test_names(runbook, spec.criteria) for id_ in ids}
    lines = {each.criterion.id: each.line for story in spec.stories for each in story.scenarios if each.criterion}
    for criterion in spec.criteria:
        if criterion.id not in shown:
            yield Finding(
                check=CHECK,
                rule=UNTESTABLE,
                severity=Severity.medium,
                path=spec.path,
                line=lines.get(criterion.id, 0),
                message=f"no test can be compiled for {criterion.id}: {criterion.text}",
                fix=(
                    "name in Given a value that runbook.yaml judges by, and in Then whether the item is found; or mend "
                    "runbook.yaml where it decides otherwise. The test planning gate blocks on it"
                ),
                requirement=criterion.id,
            )


def _other_limit(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    limit = runbook.guard.max_changes
    said = {p: [int(n) for n in _COUNT.findall(p.text)] for p in _passages(spec) if _LIMIT.search(p.text)}
    said = {passage: numbers for passage, numbers in said.items() if numbers}
    # One passage that says the same limit is enough: others may speak of other numbers.
    if runbook.action and said and not any(limit in numbers for numbers in said.values()):
        passage, numbers = next(iter(said.items()))
        says = "is not set" if limit is None else f"is {limit}"
        yield _differs(spec, passage, f"guard.max_changes {says}", f"{numbers[-1]} at most")


def _other_days(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    said = {p: [int(n) for n in _DAYS.findall(p.text)] for p in _passages(spec)}
    said = {passage: numbers for passage, numbers in said.items() if numbers}
    known = {number for numbers in said.values() for number in numbers}
    for name, days in _days_of(runbook).items():
        # A spec that names no days at all leaves them to the runbook.
        if known and days not in known:
            passage, numbers = next(iter(said.items()))
            yield _differs(spec, passage, f"{name} is {days:g}", f"{numbers[0]} days")


def _days_of(runbook: Runbook) -> dict[str, float]:
    params = {f"scope.params.{name}": value for name, value in runbook.scope.params.items() if "day" in name}
    # A runbook that only reports holds nothing back, so its guard promises nothing.
    guard = {"guard.min_age_days": runbook.guard.min_age_days} if runbook.action else {}
    return {name: value for name, value in {**params, **guard}.items() if isinstance(value, int | float) and value}


def _other_risk(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    # Authors go on after the word: "high, since data is lost".
    declared = re.split(r"[,;. ]", spec.risk.severity.strip().lower())[0] if spec.risk else ""
    if declared in set(Severity) and declared != runbook.severity:
        passage = _Passage("", spec.risk.line if spec.risk else 0, "")
        yield _differs(spec, passage, f"severity is {runbook.severity}", declared)


def _differs(spec: Spec, passage: _Passage, runbook: str, prose: str) -> Finding:
    return Finding(
        check=CHECK,
        rule="prose-differs",
        severity=Severity.medium,
        path=spec.path,
        line=passage.line,
        message=f"runbook.yaml: {runbook}; the spec says {prose}",
        fix="say the same in both",
        requirement=passage.requirement,
    )


def _passages(spec: Spec) -> Iterator[_Passage]:
    yield from (_Passage(each.text, each.line, each.id) for each in spec.requirements)
    if spec.risk:
        yield _Passage(spec.risk.blast_radius, spec.risk.line, "")

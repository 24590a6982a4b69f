"""Comparison of a criterion with the runbook apart from verdicts: of severity, changes, guards, costs and evidence."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from phasegate.core.criteria import Criterion
from phasegate.runbooks.compiler.test_generator.claims import Unread
from phasegate.runbooks.compiler.test_generator.criterion_cases import Comparison
from phasegate.runbooks.compiler.test_generator.wording import BOUND, DATE, Bound, ages, around, bound_of, plain_form
from phasegate.runbooks.language.criterion_kind import Moment, is_of_cost, moment
from phasegate.runbooks.language.model import Runbook

_QUOTED = re.compile(r"`([^`]+)`")
_NUMBER = re.compile(rf"(?:({BOUND}) )?(?<![\w./-])(\d+(?:\.\d+)?)(?![\w./-]*\w)", re.IGNORECASE)
_AMOUNT = re.compile(r"[$€] ?\d[\d.,]*|\b\d[\d.,]* ?(?:USD|EUR|dollars?|euros?)\b", re.IGNORECASE)
_SEVERITY = re.compile(
    r"\bseverity(?: is| of|:| =)? `?(low|medium|high|critical)\b|`?\b(low|medium|high|critical)`? (?:severity|risk)\b",
    re.IGNORECASE,
)
_HOUR = 1 / 24
_TOO_MANY, _YOUNG, _WINDOW = "test_too_many_are_refused", "test_young_is_held_back", "test_closed_window_is_refused"


def compared_values(runbook: Runbook, criterion: Criterion, tests: Sequence[str]) -> Comparison:
    """Compare the values of a criterion with those of the runbook's severity, action, guard, cost and evidence.

    Args:
        runbook: that is compiled.
        criterion: of the spec.
        tests: that show the criterion together.
    """
    differs = next(filter(None, (_severity(runbook, criterion), _limit(runbook, criterion, tests))), "")
    return Comparison(differs=differs, unread=tuple(_unread(runbook, criterion, tests)))


def _severity(runbook: Runbook, criterion: Criterion) -> str:
    found = _SEVERITY.search(criterion.then) if moment(criterion) is Moment.scan else None
    told = (found[1] or found[2]).lower() if found else ""
    return f"severity {told}: runbook.yaml says {runbook.severity}" if told and told != runbook.severity else ""


def _limit(runbook: Runbook, criterion: Criterion, tests: Sequence[str]) -> str:
    """Return words for a number that the guard does not hold back as the criterion says."""
    given, guard = plain_form(f"{criterion.given} {criterion.when}"), runbook.guard
    if _YOUNG in tests and guard.min_age_days is not None:
        young = [age for age in ages(given) if max(around(age.bound, age.days, _HOUR)) >= guard.min_age_days]
        return f"{young[0].words}: guard.min_age_days is {guard.min_age_days:g}" if young else ""
    if _TOO_MANY in tests and guard.max_changes is not None:
        few = [told for told, least in _numbers(given) if least <= guard.max_changes]
        return f"{few[0]}: guard.max_changes is {guard.max_changes}" if few else ""
    return ""


def _numbers(text: str) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a text, with the least value that their bound allows."""
    for found in _NUMBER.finditer(text):
        bound = bound_of(found[1])
        yield found[0], min(around(Bound.exact if bound is Bound.other else bound, float(found[2]), 1))


def _unread(runbook: Runbook, criterion: Criterion, tests: Sequence[str]) -> Iterator[Unread]:
    kind = moment(criterion)
    if kind is Moment.scan:
        yield from _amounts(criterion)
        yield from _strange(_QUOTED.findall(criterion.then), _shown(runbook), "shows and judges by")
    else:
        given, then = (DATE.sub("", plain_form(text)) for text in (criterion.given, criterion.then))
        told = [*_QUOTED.findall(f"{given} {then}")]
        # A number that Given brings in is a sample, which Then finds again.
        told += [number for number in _bare_numbers(then) if number not in _bare_numbers(given)]
        yield from _strange(told, _changes(runbook), "changes and guards")
    if _WINDOW in tests:
        yield Unread(
            words=criterion.given, why="no machine reads a time of the week", fix="read guard.window beside it"
        )


def _amounts(criterion: Criterion) -> Iterator[Unread]:
    for found in _AMOUNT.findall(criterion.then) if is_of_cost(criterion) else ():
        why = "prices come from a table that changes, so no test holds an amount"
        yield Unread(words=found, why=why, fix="say what the cost is made of, such as '100 times that price a month'")


def _strange(told: Iterable[str], known: str, where: str) -> Iterator[Unread]:
    for text in dict.fromkeys(told):
        if not re.search(rf"(?<![\w.]){re.escape(text)}(?![\w.]*\w)", known, re.IGNORECASE):
            yield Unread(words=text, why=f"among what runbook.yaml {where}, there is no '{text}'")


def _bare_numbers(text: str) -> list[str]:
    return [number for _, number in _NUMBER.findall(_QUOTED.sub("", text))]


def _shown(runbook: Runbook) -> str:
    judged = (runbook.id, runbook.where, runbook.match, runbook.warn, runbook.skip, runbook.severity)
    return " ".join(map(str, (*judged, *runbook.evidence, _text(runbook.list_), _text(runbook.with_), runbook.cost)))


def _changes(runbook: Runbook) -> str:
    return f"{_text(runbook.action)} {_text([runbook.guard])} {_shown(runbook)}"


def _text(parts: Iterable[Any]) -> str:
    return json.dumps([part.model_dump(mode="json", by_alias=True) for part in parts], ensure_ascii=False)

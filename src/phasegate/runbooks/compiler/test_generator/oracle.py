"""Says of an item what the language says, straight from the file: the tests' opinion, apart from the compiler's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from phasegate.runbooks.compiler.test_generator.answer_fields import Source
from phasegate.runbooks.compiler.test_generator.build import Answer, World, rows
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy, names, union_names
from phasegate.runbooks.compiler.test_generator.values import ACCOUNT, NOW, REGION, plain
from phasegate.runbooks.language.expressions import Node, parse
from phasegate.runbooks.language.model import Batch, Get, Join, Let, Metric, Runbook, Step, Union, With
from phasegate.runbooks.runtime import dates, hours, network
from phasegate.runbooks.runtime.expressions import RunbookFunctions
from phasegate.runbooks.runtime.values import truth

_OPTIONS = jmespath.Options(
    custom_functions=RunbookFunctions(
        {
            "age_days": lambda time: dates.days_between(time, NOW),
            "days_until": lambda time: None if (age := dates.days_between(time, NOW)) is None else -age,
            "in_days": lambda days, form=dates.ISO_DATE: dates.in_days(NOW, days, form),
            "month": lambda months: dates.first_of_month(NOW, int(months)),
            "off_now": lambda tag, hour, zone="utc": hours.off_now(NOW, tag, int(hour), zone),
            "foreign_principals": lambda policy, allowed=None: network.foreign_principals(policy, allowed, ACCOUNT),
        }
    )
)
FAILURES = (JMESPathError, TypeError, ValueError, AttributeError, re.error)
"""Errors of an expression that cannot be worked out; a mutated regular expression may be none."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item with its details, and what could not be found out about it."""

    row: Mapping[str, Any]
    failed: bool = False
    """A call about it failed, or a detail cannot be worked out: nothing can be said."""
    missing: bool = False
    """A metric has no data: a match by other means stands."""


def value(node: Node, row: Any) -> Any:
    """The value of an expression over a row.

    Raises:
        One of `FAILURES`: a function was given what it cannot take.
    """
    # JMESPath's own interpreter, so that a mistake of the compiler cannot hide in the expectation.
    return TreeInterpreter(_OPTIONS).visit(node, row)  # type: ignore[arg-type]


def ask(text: str, row: Any) -> Any:
    """Return the value of an expression over a row, or None where it cannot be worked out."""
    try:
        return value(parse(text), row)
    except FAILURES:
        return None


def item(anatomy: Anatomy, world: World) -> Item | None:
    """Return the item that the listing and the details make, or None where the listing has no row."""
    runbook = anatomy.runbook
    row: dict[str, Any] = {}
    for source in anatomy.sources:
        if source.is_listing:
            found = listed(world[source.name])
            if not found:
                return None
            row = {**_row(found[0]), **kept(source, {**row, **names(runbook)})}
    row |= names(runbook) | {"_items": [dict(row)]}
    failed, missing = False, False
    for entry in runbook.with_:
        answer = world.get(entry.as_)
        if answer is not None and answer.source.region and not region_of(answer.source, row):
            row[entry.as_], failed = None, True  # there is nowhere to ask
            continue
        if isinstance(entry, Get) and answer is not None and answer.error and answer.error not in entry.on_error:
            failed = True
        if isinstance(entry, Metric) and answer is not None and not answer.trees and entry.metric.default is None:
            missing = True
        try:
            row[entry.as_] = _detail(entry, row, world)
        except FAILURES:
            row[entry.as_], failed = None, True
    return Item(row=row, failed=failed, missing=missing)


def region_of(source: Source, row: Mapping[str, Any]) -> Any:
    """Return the region that a source is asked in about an item, the scan's own where it names none."""
    if source.region is None:
        return REGION
    return ask(source.region[1:], row) if source.region.startswith("=") else source.region


def judged(runbook: Runbook) -> dict[str, Node]:
    """Return the expressions by which a runbook judges, parsed."""
    texts = {key: getattr(runbook, key) for key in ("where", "match", "warn", "skip")}
    return {key: parse(text) for key, text in texts.items() if text is not None}


def verdict(runbook: Runbook, found: Item | None, changed: Mapping[str, Node] | None = None) -> str:
    """Return `match`, `warn`, `skip`, `unknown`, or `none`, with `changed` expressions in place of the file's."""
    if found is None:
        return "none"
    nodes = {**judged(runbook), **(changed or {})}
    try:
        if "where" in nodes and not truth(value(nodes["where"], found.row)):
            return "none"
        level = next((k for k in ("match", "warn") if k in nodes and truth(value(nodes[k], found.row))), "none")
        skipped = level != "none" and "skip" in nodes and truth(value(nodes["skip"], found.row))
    except FAILURES:
        return "unknown"
    # As at runtime: a failed call outweighs a match, and a match outweighs missing data.
    if found.failed:
        return "unknown"
    if level != "none":
        return "skip" if skipped else level
    return "unknown" if found.missing else "none"


def listed(answer: Answer) -> list[Any]:
    """Return the rows of the answers, without those that a filter in the listing leaves out."""
    part = answer.source.part
    text = part.items if isinstance(part, Step) else part.rows if isinstance(part, Batch) else None
    if text is None or "?" not in text:
        return rows(answer)
    return [row for tree in answer.trees for row in _listed(ask(text, plain(tree)))]


def _row(found: Any) -> dict[str, Any]:
    found = plain(found)
    return dict(found) if isinstance(found, dict) else {"_": found}


def kept(source: Source, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a step carries along from its parent row."""
    keep = source.part.keep if isinstance(source.part, Step) else {}
    return {name: ask(text, row) for name, text in keep.items()}


def _detail(entry: With, row: Mapping[str, Any], world: World) -> Any:
    match entry:
        case Let():
            return value(parse(entry.let), row)
        case Union():
            return _union(entry, world, row)
        case Join():
            answer = [a for name, a in world.items() if name.split("/")[0] == entry.as_][-1]
            return _joined(entry.by, entry.select, answer, row, many=entry.many)
        case Batch():
            return _joined((entry.ids, entry.by), entry.select, world[entry.as_], row)
        case Metric():
            default = [] if entry.metric.default is None else [entry.metric.default]
            return [plain(value) for value in world[entry.as_].trees] or default
        case Get():
            answer = world[entry.as_]
            if answer.error:
                return entry.default
            found = plain(answer.trees[0])
            return value(parse(entry.select), found) if entry.select else found


def _joined(
    by: tuple[str, ...], select: str | None, answer: Answer, row: Mapping[str, Any], *, many: bool = False
) -> Any:
    wanted = _listed(ask(by[0], row))
    found = [r for r in map(_row, listed(answer)) if any(k in wanted for k in _listed(ask(by[1], r)))]
    result: Any = found if many else (found[0] if found else None)
    return ask(select, result) if select and result is not None else result


def _union(entry: Union, world: World, row: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for name, listing in union_names(entry):
        last = [answer for known, answer in world.items() if known.split("/")[0] == name][-1]
        for each in map(_row, listed(last)):
            selected = ask(listing.select or "_", {**each, **{k: row[k] for k in ("_account", "_region")}})
            found += [v for v in _listed(selected) if v is not None and v not in found]
    return found


def _listed(found: Any) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]

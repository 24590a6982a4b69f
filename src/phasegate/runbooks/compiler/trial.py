"""Evaluation of one row step by step, so that a person sees why something was found or not."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from phasegate.core.errors import InvalidInput, Missing, UsageError
from phasegate.runbooks import runtime
from phasegate.runbooks.compiler.check import Where, compiled, order_of
from phasegate.runbooks.language.expressions import Node, parse, unparse
from phasegate.runbooks.language.model import Let, load
from phasegate.runbooks.language.model import Runbook as Model
from phasegate.runbooks.runtime.clients import Clients
from phasegate.runbooks.runtime.engine import merged, open_scan
from phasegate.runbooks.runtime.errors import CallErrors
from phasegate.runbooks.runtime.judging import CANNOT_JUDGE, Trial, try_id, try_row
from phasegate.runbooks.runtime.places import AccountRegion, places
from phasegate.runbooks.runtime.scan import EvaluationIssue, Scan

_OPENED = {"and_expression", "or_expression", "not_expression", "comparator", "function_expression", "pipe"}
"""Nodes whose parts are read from the same row, so that each part has a value to show."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """An expression, or a part of one, with its value for the row."""

    text: str
    value: Any
    depth: int
    error: str = ""
    """Reason why it has no value."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Step of the evaluation."""

    name: str
    """`where`, `with NAME`, `match`, `warn`, `skip`, or `verdict`, `cost`, `guard`, `change`."""
    said: str
    """Its outcome."""
    parts: Sequence[Part] = ()


def try_one(
    text: str, path: str, *, as_of: datetime, where: Where, id_: str = "", row: Mapping[str, Any] | None = None
) -> list[Step]:
    """Evaluate one row of a runbook.

    Args:
        text: The runbook.yaml.
        path: Its name.
        as_of: The time to judge by, with its zone.
        where: Regions, endpoint, parameters and prices.
        id_: The id of the item, which is listed; empty with a row.
        row: A row as AWS lists it, with a value for each name of `with`: nothing is asked of AWS.

    Raises:
        InvalidInput: the file does not hold.
        UsageError: nowhere is an item of that id listed.
        Missing: there are no credentials that work.
    """
    model = load(text, path)
    runbook = compiled(model, path)
    order = order_of(as_of, where)
    if row is not None:
        with_row = _offline(model, runbook, order, dict(row))
        return list(_steps(model, *with_row))
    try:
        return _listed(model, runbook, order, id_)
    except runtime.Prerequisite as error:
        raise Missing(str(error), fix="see 'phasegate runbook try --help'") from error


def _listed(model: Model, runbook: runtime.Runbook, order: runtime.Order, id_: str) -> list[Step]:
    errors = CallErrors()
    for place in places(runbook, order, errors):
        scan = open_scan(place, order, merged(runbook, order.params), errors)
        try:
            trial = try_id(runbook, scan, id_)
            if trial is not None:
                return list(_steps(model, scan, trial))
        finally:
            scan.close()
    failed = ", ".join(f"{error.call} in {error.region}: {error.code}" for error in errors.all())
    raise UsageError(
        f"no item with the id {id_!r} is listed{f'; these calls failed: {failed}' if failed else ''}",
        fix="look at the ids of 'phasegate runbook check', and name the region with --region",
    )


def _offline(model: Model, runbook: runtime.Runbook, order: runtime.Order, row: dict[str, Any]) -> tuple[Scan, Trial]:
    """Evaluate a row that was given, with what stands in it in place of details that AWS would be asked for."""
    region = str(row.pop("_region", "") or next(iter(order.regions), "us-east-1"))
    account = str(row.pop("_account", "") or "111122223333")
    place = AccountRegion(clients=Clients(order.session, order.endpoint), account=account, region=region)
    scan = open_scan(place, order, merged(runbook, order.params), CallErrors())
    derived = {entry.as_ for entry in model.with_ if isinstance(entry, Let) and entry.as_ not in row}
    missing = [entry.as_ for entry in model.with_ if entry.as_ not in row and entry.as_ not in derived]
    told = [EvaluationIssue(reason=f"{name}: not given in the row", certain=True) for name in missing]
    alone = replace(runbook, details=[detail for detail in runbook.details if detail.name in derived])
    try:
        runbook.identify(scan, row)
        return scan, try_row(alone, scan, row, told)
    except CANNOT_JUDGE as error:
        said = f"the row has nothing that its id {model.id!r} can be read from: {error}"
        raise InvalidInput(said, fix="give the row as AWS lists it") from error
    finally:
        scan.close()


def _steps(model: Model, scan: Scan, trial: Trial) -> Iterator[Step]:
    if model.where is not None:
        yield _judged("where", model.where, scan, trial)
        if not trial.is_candidate:
            yield Step(name="verdict", said="none: `where` leaves it out before anything else is asked")
            return
    for entry in model.with_:
        troubles = [each.reason for each in trial.troubles if each.reason.startswith(f"{entry.as_}:")]
        said = "; ".join(troubles) or _short(trial.row.get(entry.as_))
        parts = _parts(parse(entry.let), scan, trial.row) if isinstance(entry, Let) else ()
        yield Step(name=f"with {entry.as_}", said=said, parts=list(parts))
    for name in ("match", "warn", "skip"):
        written = getattr(model, name)
        if written is not None:
            yield _judged(name, written, scan, trial)
    yield from _outcome(model, trial)


def _outcome(model: Model, trial: Trial) -> Iterator[Step]:
    found = trial.finding
    if found is None:
        yield Step(name="verdict", said="none: neither a match nor a warning")
        return
    yield Step(name="verdict", said=f"{found.verdict}{f': {found.reason}' if found.reason else ''}")
    if found.cost is not None:
        parts = found.cost.parts or (found.cost,)
        yield Step(
            name="cost",
            said=found.cost.reason or f"{found.cost.monthly} {found.cost.currency} a month",
            parts=[Part(text=each.unit, value=each.document(), depth=1, error=each.reason) for each in parts],
        )
    if model.action and found.verdict is runtime.Verdict.match:
        yield Step(name="guard", said=found.held_back or "holds nothing back")
        yield Step(name="change", said=", then ".join(found.planned) or "no call")


def _judged(name: str, text: str, scan: Scan, trial: Trial) -> Step:
    first, *parts = _parts(parse(text), scan, trial.row)
    told = first.error or ("true" if runtime.truth(first.value) else "false")
    return Step(name=name, said=told, parts=[first, *parts])


def _parts(node: Node, scan: Scan, row: Mapping[str, Any], depth: int = 1) -> Iterator[Part]:
    """Yield an expression and its parts, each with its value.

    What stands within brackets is of each element, and so has no single value.
    """
    text = unparse(node)
    value, error = _value(text, scan, row)
    yield Part(text=text, value=value, depth=depth, error=error)
    children = node["children"] if node["type"] in _OPENED else ()
    for child in children[:1] if node["type"] == "pipe" else children:
        if child["type"] not in ("literal", "current", "identity", "expref") and child.get("value") != "null":
            yield from _parts(child, scan, row, depth + 1)


def _value(text: str, scan: Scan, row: Mapping[str, Any]) -> tuple[Any, str]:
    try:
        return runtime.expression(text)(scan, dict(row)), ""
    except CANNOT_JUDGE as error:
        return None, f"cannot be worked out: {error}"


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

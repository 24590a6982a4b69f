"""Sentences about one runbook that all its documents share."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phasegate.core.formatting import listing
from phasegate.runbooks.compiler.documents.condition_text import said
from phasegate.runbooks.compiler.documents.text import capital, code, plain, sentence
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.iam_actions import is_destructive
from phasegate.runbooks.language.model import Action, Batch, Cost, Get, Join, Let, Metric, Runbook, Step, Union
from phasegate.runbooks.prices import priced

_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|\d+")
_DAY = 86_400
_VERSION = re.compile(r"V\d+$")


def things(runbook: Runbook) -> str:
    """Return the plural noun of the listed items: `volumes`, `DB instances`."""
    words = _CAMEL.findall(_VERSION.sub("", aws.operation(runbook.list_[-1].op).name))[1:]
    return " ".join(word if word.isupper() else word.lower() for word in words) or "items"


def thing(runbook: Runbook) -> str:
    """Return the singular noun of the listed items."""
    return aws.singular(things(runbook))


def a_thing(runbook: Runbook) -> str:
    """Return the singular noun with its article: `a volume`, `an address`."""
    one = thing(runbook)
    return f"{'an' if one[0].lower() in 'aeiou' else 'a'} {one}"


def service(operation: str) -> str:
    """Return AWS's name of an operation's service: `EC2`, `CloudWatch Logs`."""
    return str(aws.operation(operation).model.service_model.service_id)


def where(runbook: Runbook) -> str:
    """Return the scope in words: `in every region that the account has enabled`."""
    regions, accounts = runbook.scope.regions, runbook.scope.accounts
    places = {
        "all": "in every region that the account has enabled",
        "global": "once for the whole account",
    }
    place = places[regions] if isinstance(regions, str) else f"in {listing([code(region) for region in regions])}"
    if accounts == "organization":
        return f"{place}, in every account of the organization"
    return place if isinstance(accounts, str) else f"{place}, in {len(accounts)} named accounts"


def listed(runbook: Runbook) -> str:
    """Return a sentence about the listing and its pages."""
    how = ", then for each ".join(f"{code(step.op)}{_remarks(step)}" for step in runbook.list_)
    named = f"{service(runbook.list_[-1].op)} {things(runbook)}"
    return f"The {named} are listed with {how}, all pages, {where(runbook)}."


def _remarks(step: Step) -> str:
    remarks = [f"{step.batch} ids a call"] if step.batch else []
    remarks += [f"rows: {code(step.items)}"] if step.items else []
    gone = listing([code(error) for error in step.on_error], "or")
    remarks += [f"{gone}: gone, and no error"] if gone else []
    return f" ({'; '.join(remarks)})" if remarks else ""


def details(runbook: Runbook) -> list[str]:
    """Return a sentence for each entry of `with`."""
    return [sentence(f"{code(entry.as_)} {_detail(runbook, entry)}") for entry in runbook.with_]


def _detail(runbook: Runbook, entry: Any) -> str:
    match entry:
        case Get():
            default = "nothing" if entry.default is None else entry.default
            absent = f"; {listing([code(error) for error in entry.on_error], 'or')} counts as {code(default)}"
            answer = f"is {_part(entry.select)}what {code(entry.get)} answers, one call for each {thing(runbook)}"
            answer += _asked_in(entry.region)
            return answer + (absent if entry.on_error else "")
        case Join():
            left, right = entry.by
            rows = "are all rows" if entry.many else "is the row"
            size = f", {entry.size} ids a call" if entry.size else ""
            return f"{rows} of {_chain(entry.list_)} whose {code(right)} is the {thing(runbook)}'s {code(left)}{size}"
        case Union():
            sources = [f"{code(values.select or '@')} of {_chain(values.list_)}" for values in entry.set_]
            return f"is every value of {listing(sources)}"
        case Batch():
            return f"is {_part(entry.select)}the row of {code(entry.batch)} for {code(entry.ids)}, {entry.size} a call"
        case Metric():
            return _metric(entry)
        case Let():
            return f"is {code(entry.let)}"
    return ""


def _asked_in(region: str | None) -> str:
    return "" if region is None else f", asked in the region {code(region.removeprefix('='))}"


def _part(select: str | None) -> str:
    return f"{code(select)} of " if select else ""


def _chain(steps: Sequence[Step]) -> str:
    return ", then ".join(code(step.op) for step in steps)


def _metric(entry: Metric) -> str:
    asked = entry.metric
    whole = asked.period in (None, round(asked.days * _DAY))
    step = "one datapoint for the whole window" if whole else f"a datapoint every {asked.period} seconds"
    none = (
        "no datapoint is no value: unknown, never idle"
        if asked.default is None
        else f"no datapoint counts as {asked.default:g}"
    )
    return (
        f"holds the {asked.stat} of {code(asked.name)} in {code(asked.namespace)} over the last {asked.days:g} days, "
        f"{step}{_asked_in(asked.region)}; {none}"
    )


def rules(runbook: Runbook) -> list[tuple[str, str, str]]:
    """Return the rules of the runbook as (verdict, condition in plain words, expression)."""
    written = (
        ("looked at", runbook.where),
        ("skipped", runbook.skip),
        ("found", runbook.match),
        ("warned of", runbook.warn),
    )
    return [(verdict, said(text, runbook.scope.params), text) for verdict, text in written if text]


def found_when(runbook: Runbook) -> str:
    """Return the conditions of a finding in plain words, the prefilter included."""
    parts = [said(text, runbook.scope.params) for text in (runbook.where, runbook.match) if text]
    return "; and ".join(parts)


def cost(runbook: Runbook) -> str:
    """Return the sentences about costs."""
    if not runbook.cost:
        return "The findings carry no cost: the runbook names no unit to price them by."
    if len(runbook.cost) == 1:
        return _priced(runbook, runbook.cost[0])
    parts = " ".join(_priced(runbook, part, "A part of the cost is") for part in runbook.cost)
    return f"A finding costs the sum of {len(runbook.cost)} parts; where one is unknown, so is the sum. {parts}"


def _priced(runbook: Runbook, cost: Cost, begin: str = "A finding costs") -> str:
    known = priced(cost.unit)
    times = "" if cost.quantity in ("`1`", "1") else f"{code(cost.quantity)} times "
    when = f", where {said(cost.when, runbook.scope.params)}" if cost.when else ""
    region = f", at the price of the region {code(cost.region.removeprefix('='))}" if cost.region else ""
    said_so = f"{begin} {times}the price of {code(cost.unit)}, per {cost.per}{region}{when}."
    if not known:
        return (
            f"{said_so} The table that ships has no such price: every cost is unknown, and said so, until one is added."
        )
    regions = sorted({region for _, region in known} - {"*"})
    place = f"in {listing([code(region) for region in regions])}" if regions else "in every region"
    return (
        f"{said_so} The price table that ships has it {place}, dated "
        f"{max(price.date for price in known.values())}; a price that is not in it is unknown, and said so."
    )


def changes(runbook: Runbook) -> list[str]:
    """Return the steps of the change, a sentence each."""
    return [step for action in runbook.action for step in _steps(runbook, action)]


def _steps(runbook: Runbook, action: Action) -> Iterator[str]:
    if action.snapshot:
        wait = f", and wait until {code(action.snapshot.wait)}" if action.snapshot.wait else ""
        yield f"Take a snapshot with {code(action.snapshot.op)}{_with(action.snapshot.params)}{wait}."
    for undo in action.undo:
        when = f", where {said(undo.when, runbook.scope.params)}" if undo.when else ""
        yield f"Record the call that undoes it: {code(undo.op)}{_with(undo.params)}{when}."
    loss = ", which destroys it" if is_destructive(action.op) else ""
    each = f" for each of {code(action.each)}" if action.each else ""
    wait = f", and wait until {code(action.wait.for_)}" if action.wait else ""
    yield f"Call {code(action.op)}{_with(action.params)}{each}{loss}{wait}."
    if action.verify == "gone":
        yield f"List again, and hold the change for done only when the {thing(runbook)} is gone."
    elif action.verify:
        yield f"Read the {thing(runbook)} again; the change is done when {said(action.verify, runbook.scope.params)}."


def _with(params: Mapping[str, Any]) -> str:
    if not params:
        return ""
    return f" ({', '.join(f'{plain(str(name))} {_given(value)}' for name, value in params.items())})"


def _given(value: Any) -> str:
    if isinstance(value, str) and value.startswith("="):
        return f"from {code(value[1:])}"
    return code(json.dumps(value, ensure_ascii=False))


def guards(runbook: Runbook) -> list[str]:
    """Return the guards of the change, a sentence each."""
    guard = runbook.guard
    one = thing(runbook)
    found = ["No change without an approval that was signed for exactly these findings; it is used up by the change."]
    if guard.protect_tags:
        tags = listing([code(tag) for tag in guard.protect_tags], "or")
        found.append(f"{capital(a_thing(runbook))} that carries the tag {tags} is never touched, whatever its value.")
    if guard.min_age_days is not None:
        found.append(f"{capital(a_thing(runbook))} younger than {guard.min_age_days:g} days is left alone.")
    if guard.max_changes is not None:
        found.append(f"At most {guard.max_changes} {things(runbook) if guard.max_changes != 1 else one} in one run.")
    if guard.window:
        found.append(f"Only within {plain(guard.window)}.")
    return found


def reversible(runbook: Runbook) -> str:
    """Return a sentence that says whether and how a change can be undone."""
    if not runbook.action:
        return "The runbook changes nothing, so there is nothing to undo."
    undone = [action for action in runbook.action if action.undo]
    if not undone:
        kept = any(action.snapshot for action in runbook.action)
        return (
            "There is no recorded undo; the snapshot is the way back, by hand."
            if kept
            else "The change cannot be undone."
        )
    calls = listing(list(dict.fromkeys(code(undo.op) for action in undone for undo in action.undo)))
    return f"Each change is undone by {calls}; its parameters are written to the action log before the change is made."

"""Says of an item what the language says, straight from the file: the tests' opinion, apart from the compiler's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from phasegate.runbooks.expressions import Node, parse
from phasegate.runbooks.runtime import dates, hours, network
from phasegate.runbooks.runtime.expressions import RunbookFunctions
from phasegate.runbooks.runtime.values import truth
from phasegate.runbooks.tests_emit.anatomy import Anatomy
from phasegate.runbooks.tests_emit.build import Answer, World, rows
from phasegate.runbooks.tests_emit.values import ACCOUNT, NOW, REGION, plain

_OPTIONS = jmespath.Options(
    custom_functions=RunbookFunctions(
        {
            "age_days": lambda time: dates.days_between(time, NOW),
            "days_until": lambda time: None if (age := dates.days_between(time, NOW)) is None else -age,
            "month": lambda months: dates.first_of_month(NOW, int(months)),
            "off_now": lambda tag, hour, zone="utc": hours.off_now(NOW, tag, int(hour), zone),
            "foreign_principals": lambda policy, allowed=None: network.foreign_principals(policy, allowed, ACCOUNT),
        }
    )
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item with its details, and what could not be found out about it."""

    row: Mapping[str, Any]
    failed: bool = False
    """A call about it failed: nothing can be said."""
    missing: bool = False
    """A metric has no data: a match by other means stands."""


def value(node: Node, row: Any) -> Any:
    """The value of an expression over a row.

    Raises:
        JMESPathError: a function was given what it cannot take.
    """
    return TreeInterpreter(_OPTIONS).visit(node, row)  # type: ignore[arg-type]


def ask(text: str, row: Any) -> Any:
    """Return the value of an expression over a row, or None where it cannot be worked out."""
    try:
        return value(parse(text), row)
    except (JMESPathError, TypeError, ValueError, AttributeError):
        return None


def names(document: Mapping[str, Any]) -> dict[str, Any]:
    """The language's own names."""
    params = (document.get("scope") or {}).get("params") or {}
    return {"_account": ACCOUNT, "_region": REGION, "_now": NOW.isoformat(), "_params": params}


def item(anatomy: Anatomy, world: World) -> Item | None:
    """Return the item that the listing and the details make, or None where the listing has no row."""
    chain = [s.name for s in anatomy.sources if s.name.split("/")[0] == "list"]
    row: dict[str, Any] = {}
    for name in chain:
        found = rows(world.answers[name])
        if not found:
            return None
        spec = world.answers[name].source.spec
        carried = kept(spec.get("keep"), {**row, **names(anatomy.document)})
        row = {**_row(found[0]), **carried}
    row |= names(anatomy.document) | {"_items": [dict(row)]}
    failed, missing = False, False
    for entry in anatomy.document.get("with") or ():
        answer = world.answers.get(entry["as"])
        if "get" in entry and answer is not None and answer.error and not _expected(entry, answer.error):
            failed = True
        if "metric" in entry and answer is not None and not answer.trees and "default" not in entry["metric"]:
            missing = True
        row[entry["as"]] = _detail(entry, row, world)
    return Item(row=row, failed=failed, missing=missing)


def verdict(document: Mapping[str, Any], found: Item | None, changed: Mapping[str, Node] | None = None) -> str:
    """Return `match`, `warn`, `skip`, `unknown`, or `none`, with `changed` expressions in place of the file's."""
    if found is None:
        return "none"
    nodes = {k: parse(document[k]) for k in ("where", "match", "warn", "skip") if isinstance(document.get(k), str)}
    nodes.update(changed or {})
    try:
        if "where" in nodes and not truth(value(nodes["where"], found.row)):
            return "none"
        level = next((k for k in ("match", "warn") if k in nodes and truth(value(nodes[k], found.row))), "none")
        skipped = level != "none" and "skip" in nodes and truth(value(nodes["skip"], found.row))
    except (JMESPathError, TypeError, ValueError, AttributeError):
        return "unknown"
    if found.failed:
        return "unknown"
    if level != "none":
        return "skip" if skipped else level
    return "unknown" if found.missing else "none"


def _row(found: Any) -> dict[str, Any]:
    found = plain(found)
    return dict(found) if isinstance(found, dict) else {"_": found}


def kept(keep: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a step carries along from its parent row."""
    if isinstance(keep, Mapping):
        return {name: ask(text, row) for name, text in keep.items()}
    return {name: ask(name, row) for name in keep or ()}


def _expected(entry: Mapping[str, Any], code: str) -> bool:
    codes = entry.get("on_error") or ()
    return code in ([codes] if isinstance(codes, str) else codes)


def _detail(entry: Mapping[str, Any], row: Mapping[str, Any], world: World) -> Any:
    if "let" in entry:
        return ask(entry["let"], row)
    if "set" in entry:
        return _union(entry, world, row)
    if "list" in entry:
        return _joined(entry, _last(world, entry["as"]), row)
    answer = world.answers[entry["as"]]
    if "metric" in entry:
        values = [plain(v) for v in answer.trees]
        return values or ([entry["metric"]["default"]] if entry["metric"].get("default") is not None else [])
    if "batch" in entry:
        key = entry["by"][-1] if isinstance(entry["by"], list) else entry["by"]
        return _joined({**entry, "by": [entry["ids"], key]}, answer, row)
    if answer.error:
        return entry.get("default")
    found = plain(answer.trees[0])
    return ask(entry["select"], found) if entry.get("select") else found


def _last(world: World, name: str) -> Answer:
    return [a for n, a in world.answers.items() if n.split("/")[0] == name][-1]


def _joined(entry: Mapping[str, Any], answer: Answer, row: Mapping[str, Any]) -> Any:
    left, right = entry["by"]
    wanted = _listed(ask(left, row))
    found = [r for r in map(_row, rows(answer)) if any(k in wanted for k in _listed(ask(right, r)))]
    result: Any = found if entry.get("many") else (found[0] if found else None)
    if entry.get("select") and result is not None:
        return ask(entry["select"], result)
    return result


def _union(entry: Mapping[str, Any], world: World, row: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for number, listing in enumerate(entry["set"]):
        name = f"{entry['as']}.{number}" if len(entry["set"]) > 1 else entry["as"]
        for each in map(_row, rows(_last(world, name))):
            selected = ask(listing.get("select") or "_", {**each, **{k: row[k] for k in ("_account", "_region")}})
            found += [v for v in _listed(selected) if v is not None and v not in found]
    return found


def _listed(found: Any) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]

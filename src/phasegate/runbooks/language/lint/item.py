"""Types of the names that expressions can read: item fields, `with` names and the language's own."""

import difflib
from collections.abc import Mapping

from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.lint import calls, expressions, meaning, regions
from phasegate.runbooks.language.lint.metrics import check_metric
from phasegate.runbooks.language.lint.source import Node, Report, node_of
from phasegate.runbooks.language.lint.types import (
    ANYTHING,
    NUMBER,
    STRING,
    Anything,
    Many,
    Plain,
    Record,
    Type,
    of,
    of_value,
    one_of,
)
from phasegate.runbooks.language.model import FORMS, Runbook

_UNDECLARED = (
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "NoSuchWebsiteConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "OwnershipControlsNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)
"""Codes that S3 answers where a bucket lacks something; its model declares none of them."""


def own_names(root: Node) -> Record:
    """The names that every expression has, wherever it stands."""
    params = root.get("scope", "params")
    known = params.plain() if params and isinstance(params.value, dict) else {}
    members: Mapping[str, Type] = {
        "_account": STRING,
        "_region": STRING,
        "_now": Plain(name="timestamp"),
        "_params": Record(name="_params", members={str(key): of_value(value) for key, value in known.items()}),
    }
    return Record(name="the expression", members=members)


def rows(report: Report, node: Node, names: Record) -> Type:
    """The type of one row of a step or a chain of steps, after checking every call of it."""
    parent: Type = names
    row: Type = ANYTHING
    for step in node.each():
        row = _step(report, step, parent)
        parent = joined(row, names)
    return row


def joined(row: Type, names: Record, kind: str = "the item") -> Type:
    """Return the type that expressions over a row read: its fields (`_` for a plain row) and the language's names."""
    match row:
        case Record():
            return Record(name=row.name, members={**names.members, **row.members})
        case Anything():
            return ANYTHING
        case _:
            return Record(name=kind, members={**names.members, "_": row})


def item(report: Report, root: Node) -> tuple[Type, Type]:
    """The item before and after `with`: for `where`, and for everything else."""
    names = own_names(root)
    listing = root.get("list")
    row = rows(report, listing, names) if listing else ANYTHING
    before = joined(row, names.extended(_items=Many(element=row)))
    after = before
    for entry in root.each("with"):
        after = _with(report, entry, after, names)
    return before, after


def item_of(runbook: Runbook) -> Type:
    """The item of a runbook that was read already, with all the names that `with` adds."""
    # Without what is not set it is the file as its author wrote it, so that both ways share one inference.
    root = node_of(runbook.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return item(Report(path=runbook.path, lines=[]), root)[1]


def _step(report: Report, step: Node, parent: Type) -> Type:
    given = [step.text("param")] if step.text("param") else []
    found = calls.call(report, step, parent, given=given)
    if found is None:
        return ANYTHING
    ids = step.get("ids")
    if ids:
        expressions.check(report, ids, parent)
    meaning.check_size(report, step, found, "batch")
    _errors(report, step, found)
    meaning.check_gone(report, step)
    return _kept(report, step, _row(report, step, found), parent)


def _row(report: Report, step: Node, found: aws.Operation) -> Type:
    items = step.get("items")
    if items:
        return _element(expressions.check(report, items, of(found.output)))
    if found.rows_key:
        return of(found.row)
    lists = [
        name for name, shape in (found.output.members if found.output else {}).items() if shape.type_name == "list"
    ]
    if not lists:
        return of(found.output)  # the answer itself is the row
    message = f"{found} answers with several lists, and the step does not say which holds its rows"
    report.add("needs-items", Severity.high, step, message, f"add items: {' or items: '.join(lists)}")
    return ANYTHING


def _element(value: Type) -> Type:
    return value.element if isinstance(value, Many) else value


def _kept(report: Report, step: Node, row: Type, parent: Type) -> Type:
    """The row with the keys that `keep` carries along from its parent: a list of names, or a map to expressions."""
    keep = step.get("keep")
    if keep is None or isinstance(row, Anything):
        return row
    if keep.items():
        kept = {name: expressions.check(report, value, parent) for name, value in keep.items().items()}
    else:
        kept = {str(value.value): expressions.check(report, value, parent) for value in keep.each()}
    base = row if isinstance(row, Record) else Record(name="the row", members={"_": row})
    return base.extended(**kept)


def _with(report: Report, entry: Node, current: Type, names: Record) -> Type:
    """The item with the name that a `with` entry adds."""
    name = entry.text("as")
    form = next((form for form in FORMS if entry.get(form)), None)
    if not name or form is None:
        message = "the entry adds no name, or does not say from what"
        fix = f"write as: a name, and one of {', '.join(FORMS)}"
        report.add("with-entry", Severity.high, entry, message, fix)
        return current
    found = _ADDS[form](report, entry, current, names)
    return current.extended(**{name: found}) if isinstance(current, Record) else current


def _get(report: Report, entry: Node, current: Type, names: Record) -> Type:
    named = entry.value["get"]
    call = Node(value={**entry.value, "op": named.get("op") or named}, line=entry.line, last=entry.last)
    found = calls.call(report, call, current)
    answer = of(found.output) if found else ANYTHING
    if found:
        _errors(report, entry, found)
    regions.check_region(report, entry.get("region"), current)
    value = _selected(report, entry, answer)
    default = entry.get("default")
    if default is None or default.value is None:
        return value
    return one_of(value, of_value(default.plain()))


def _errors(report: Report, entry: Node, found: aws.Operation) -> None:
    """Report error codes that nearly are one of the service's.

    Its model may not declare all that it answers.
    """
    known = [*found.errors, *(_UNDECLARED if found.service == "s3" else ())]
    for code in entry.each("on_error"):
        # Only near misses are told: botocore's models do not declare every code that services answer.
        written = str(code.value)
        if written not in known and difflib.get_close_matches(written, known, n=1, cutoff=0.85):
            fix = aws.suggest(written, known)
            report.add("error-code", Severity.medium, code, f"the error code {written!r} looks misspelt", fix)


def _selected(report: Report, entry: Node, value: Type) -> Type:
    select = entry.get("select")
    return expressions.check(report, select, value) if select else value


def _list(report: Report, entry: Node, current: Type, names: Record) -> Type:
    # Only the first listing of a join is asked for ids; elsewhere the name has no value.
    reach = names.extended(_ids=Many(element=STRING))
    row = rows(report, entry.value["list"], reach)
    sides = entry.each("by")
    if len(sides) != 2:
        report.add(
            "join", Severity.high, entry.get("by") or entry, "the join does not say on what", "add by: [left, right]"
        )
    for side, outer in zip(sides, (current, joined(row, names, "the row")), strict=False):
        expressions.check(report, side, outer)
    meaning.check_ids(report, entry)
    many = entry.get("many")
    return _selected(report, entry, Many(element=row) if many and many.value else row)


def _set(report: Report, entry: Node, current: Type, names: Record) -> Type:
    element: Type | None = None
    for listing in entry.each("set"):
        source = listing.get("list")
        row = joined(rows(report, source, names), names, "the row") if source else ANYTHING
        value = _element(_selected(report, listing, row))
        meaning.check_values(report, listing, value, has_row=source is not None)
        element = value if element is None else one_of(element, value)
    return Many(element=element or ANYTHING)


def _batch(report: Report, entry: Node, current: Type, names: Record) -> Type:
    named = entry.value["batch"]
    call = Node(value={**entry.value, "op": named.get("op") or named}, line=entry.line, last=entry.last)
    found = calls.call(report, call, names, given=[entry.text("param")] if entry.text("param") else [])
    ids = entry.get("ids")
    if ids:
        expressions.check(report, ids, current)
    if found:
        meaning.check_size(report, entry, found, "size")
    where = entry.get("rows")
    row = _element(expressions.check(report, where, of(found.output))) if where and found else ANYTHING
    for side in entry.each("by")[-1:]:
        expressions.check(report, side, joined(row, names, "the row"))
    return _selected(report, entry, row)


def _metric(report: Report, entry: Node, current: Type, names: Record) -> Type:
    check_metric(report, entry.value["metric"], current)
    regions.check_region(report, entry.get("metric", "region"), current)
    return Many(element=NUMBER)


def _let(report: Report, entry: Node, current: Type, names: Record) -> Type:
    return expressions.check(report, entry.value["let"], current)


_ADDS = {"get": _get, "list": _list, "set": _set, "batch": _batch, "metric": _metric, "let": _let}

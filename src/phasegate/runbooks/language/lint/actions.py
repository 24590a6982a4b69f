"""Lint of actions: they act on the listed kind, and can be had back."""

import re

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import fields, walk
from phasegate.runbooks.language.iam_actions import is_change, is_destructive
from phasegate.runbooks.language.lint import calls, expressions
from phasegate.runbooks.language.lint.source import Node, Report
from phasegate.runbooks.language.lint.types import ANYTHING, Anything, Many, Plain, Record, Table, Type, described, of

_VERB = re.compile(r"[A-Z][a-z]+")
_CERTAIN_VERBS = ("Batch", "Bulk", "Force", "Admin")
_VERSION = re.compile(r"V\d+$")
_ANY_RESOURCE = re.compile(r"resource(s|id|ids|arn|arns|arnlist|name|identifier)?", re.IGNORECASE)


def check_actions(report: Report, root: Node, item: Type) -> None:
    """Check every entry of `action`."""
    for action in root.each("action"):
        _check(report, root, action, item)
    _one_way_steps(report, root)


def _check(report: Report, root: Node, action: Node, item: Type) -> None:
    row = _element(report, root, action, item)
    found = calls.call(report, action, row)
    if found:
        _waiter(report, found, action.get("wait"), row)
    snapshot = _part(report, action.get("snapshot"), row)
    after = _with_answer(row, snapshot)
    for undo in action.each("undo"):
        _part(report, undo, after)
        when = undo.get("when")
        if when:
            expressions.check(report, when, after)
    _verify(report, action, item)
    if found:
        _is_a_change(report, action, found)
        _is_listed(report, root, action, found)
        _can_be_had_back(report, root, action, found)


def _element(report: Report, root: Node, action: Node, item: Type) -> Type:
    """Return the type that an action's expressions read: the item, or with `each` an element over the item."""
    each = action.get("each")
    if each is None:
        return item
    listed = expressions.check(report, each, item)
    if isinstance(listed, Plain | Record | Table):
        message = f"each goes over a list that belongs to the item, and {each.value!r} yields {described(listed)}"
        report.add("not-a-list", Severity.high, each, message, "leave each out for a single call")
        return ANYTHING
    if each.value not in [entry.value for entry in root.each("evidence")]:
        message = "what each goes over is not in evidence: what is approved would not say what is changed"
        report.add("each-unbound", Severity.high, each, message, f'add "{each.value}" to evidence')
    element = listed.element if isinstance(listed, Many) else ANYTHING
    if not isinstance(item, Record) or isinstance(element, Anything):
        return ANYTHING
    members = element.members if isinstance(element, Record) else {"_": element}
    return Record(name=item.name, members={**item.members, **members})


def _part(report: Report, part: Node | None, item: Type) -> aws.Operation | None:
    if part is None:
        return None
    found = calls.call(report, part, item)
    if found:
        _waiter(report, found, part.get("wait"), item)
    return found


def _waiter(report: Report, found: aws.Operation, wait: Node | None, item: Type) -> None:
    """Check `wait`: the name of a waiter, or `for` with `params`."""
    named = wait.get("for") or wait if wait else None
    if wait is None or named is None:
        return
    waiter = next((each for each in found.waiters if each.name == named.value), None)
    if waiter is None:
        fix = aws.suggest(str(named.value), [each.name for each in found.waiters])
        report.add("unknown-waiter", Severity.high, named, f"{found.service} has no waiter {named.value!r}", fix)
    elif wait.items("params"):
        calls.parameters(report, aws.operation(f"{found.service}.{waiter.operation}"), wait, item)


def _one_way_steps(report: Report, root: Node) -> None:
    """Report steps of a change without an undo, where others have one: a change that fails half way could stay so."""
    actions = root.each("action")
    if len(actions) < 2 or not any(action.each("undo") for action in actions):
        return
    for action in actions:
        if not (action.each("undo") or action.get("snapshot") or is_destructive(action.text("op"))):
            message = f"{action.text('op')} has no undo, and other calls of this action do"
            report.add("undo-of-a-part", Severity.medium, action, message, "add undo: with the call that takes it back")


def _with_answer(item: Type, snapshot: aws.Operation | None) -> Type:
    """Return the type that `undo` reads, the item and the snapshot's answer.

    The undo is recorded before the change is made.
    """
    if not isinstance(item, Record):
        return ANYTHING
    return item.extended(snapshot=of(snapshot.output)) if snapshot else item


def _verify(report: Report, action: Node, item: Type) -> None:
    verify = action.get("verify")
    if verify and verify.value != "gone":
        expressions.check(report, verify, item)


def _is_a_change(report: Report, action: Node, found: aws.Operation) -> None:
    if not is_change(str(found)):
        message = f"{found} changes nothing, by IAM's access levels"
        report.add("no-change", Severity.high, action, message, "leave the action out, or name the operation that acts")


def _is_listed(report: Report, root: Node, action: Node, found: aws.Operation) -> None:
    """The action must be on the listed kind: named alike, or given what names the listed item."""
    listing = _last_listing(root)
    # Names are all that botocore tells of what an operation acts on.
    if listing is None or _alike(listing, found) or _takes_the_item(report, root, action, listing):
        return
    if action.get("each") is not None and _takes_the_element(report, action):
        return
    message = f"{found} acts on {_noun(found.name)}, and the detection lists {_noun(listing.name)} ({listing})"
    fix = "name the operation that acts on what is listed, or list what is acted on; pass it the field of `id`"
    report.add("action-elsewhere", Severity.high, action, message, fix)


def _last_listing(root: Node) -> aws.Operation | None:
    try:
        return aws.operation(root.each("list")[-1].operation)
    except (IndexError, InvalidInput):  # the grammar tells of an empty listing, and `calls` of an unknown operation
        return None


def _alike(listing: aws.Operation, found: aws.Operation) -> bool:
    """`DescribeVolumes` and `DeleteVolume`, `ListRoles` and `DeleteRolePolicy`."""
    if listing.service != found.service:
        return False
    acted = _singular(_noun(found.name))
    return any(acted.startswith(name) or acted.endswith(name) for name in _kinds(listing))


def _kinds(listing: aws.Operation) -> frozenset[str]:
    """Return the kinds that a listing lists, in lower case and singular, by operation name and row shape."""
    row = listing.row
    named = {_noun(listing.name)} | ({row.name} if row is not None and row.type_name == "structure" else set())
    return frozenset(_singular(name) for name in named if name)


def _noun(operation: str) -> str:
    """Return the noun of an operation: `DBInstances` for `DescribeDBInstances`."""
    verb = _VERB.match(operation)
    rest = operation[verb.end() :] if verb else operation
    return _noun(rest) if verb and verb[0] in _CERTAIN_VERBS else _VERSION.sub("", rest)


def _singular(noun: str) -> str:
    return aws.singular(noun.lower())


def _takes_the_item(report: Report, root: Node, action: Node, listing: aws.Operation) -> bool:
    """Return whether a parameter of that name, or one for any resource, is given a field that names the item.

    Such are the fields of `id`, and those called after the listed kind: `FunctionArn` names a function, while the
    `SnapshotId` of a volume does not name the volume.
    """
    ids = _fields_of(report, root.get("id"))
    # In a loop a plain value is the element, and what that is called decides.
    plain = "" if action.get("each") is not None else "_"
    return any(
        name == plain or _ANY_RESOURCE.fullmatch(parameter) or _singular(parameter) == _singular(name)
        for parameter, names in _given(report, action).items()
        for name in names
        if name == plain or name in ids or name.lower().startswith(tuple(_kinds(listing)))
    )


def _takes_the_element(report: Report, action: Node) -> bool:
    """Return whether a parameter is given what the element calls so: `SnapshotId` of `Ebs.SnapshotId`."""
    tree = expressions.parse(report, action, action.text("each"))
    path = [str(node["value"]) for node in walk(tree) if node["type"] == "field"] if tree else []
    own = {"_": path[-1]} if path else {}
    return any(
        _singular(parameter) == _singular(own.get(name, name))
        for parameter, names in _given(report, action).items()
        for name in names
    )


def _given(report: Report, action: Node) -> dict[str, set[str]]:
    """The names that each parameter of an action is computed from."""
    found: dict[str, set[str]] = {}
    for name, value in action.items("params").items():
        computed = [leaf for leaf in value.walk() if isinstance(leaf.value, str) and leaf.value.startswith("=")]
        found[name] = set().union(*(_fields_of(report, leaf, leaf.value[1:]) for leaf in computed))
    return found


def _fields_of(report: Report, node: Node | None, text: str | None = None) -> set[str]:
    written = text if text is not None else node.value if node is not None else None
    if node is None or not isinstance(written, str):
        return set()
    tree = expressions.parse(report, node, written)
    return fields(tree) if tree else set()


def _can_be_had_back(report: Report, root: Node, action: Node, found: aws.Operation) -> None:
    if not is_destructive(str(found)):
        return
    kept = action.get("snapshot") or action.get("undo")
    guarded = root.get("guard")
    # A guard alone still limits the loss; with neither, one mistake in `match` destroys everything.
    if not kept and not guarded:
        message = f"{found} destroys what it is given, with no snapshot, no undo and no guard"
        fix = "add snapshot: and undo: to the action, and guard: {protect_tags: […], max_changes: …, approve: true}"
        report.add("unprotected", Severity.high, action, message, fix)
    elif not guarded:
        message = f"{found} destroys what it is given, and nothing limits how much"
        report.add("no-guard", Severity.medium, action, message, "add guard: {protect_tags: […], max_changes: …}")

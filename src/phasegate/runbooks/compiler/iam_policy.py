"""The least-privilege IAM policy of a runbook, and what it says in plain words.

Reading, the snapshot, the change and its undo are statements of their own, so that a reader sees at a glance what can
change anything, and so that a role that only reports can be given the first alone. Resources are as tight as IAM's
ARN formats allow without knowing the ids; a change is denied on what carries a protected tag, where IAM can tell.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegate.core.formatting import listing
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.iam_actions import Action, action, actions, arn_pattern, is_change, is_destructive
from phasegate.runbooks.language.model import Action as Change
from phasegate.runbooks.language.model import Batch, Get, Join, Metric, Runbook, Step, Union
from phasegate.runbooks.runtime.partitions import partition_of
from phasegate.runbooks.runtime.places import CHANGE_ROLE, READ_ROLE

__all__ = ["calls", "explain", "is_change", "is_destructive", "policy"]

VERSION = "2012-10-17"
"""Version of IAM's policy language."""

_PURPOSES = ("Read", "Snapshot", "Change", "Undo")
_EVERYWHERE = "*"
_VARIABLE = re.compile(r"\$\{[^}]+\}")
_ROLE = re.compile(r"(?i).*role(arn|name)?|iaminstanceprofile")
_ID = re.compile(r"(ids?|arns?|names?|identifiers?|s)$")
_OF_ENCRYPTED = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""Key permissions for making a volume from an encrypted snapshot."""
_TAGGING = {
    "ec2": "ec2:CreateTags",
    "ecs": "ecs:TagResource",
    "elbv2": "elasticloadbalancing:AddTags",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "rds": "rds:AddTagsToResource",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """Call that a runbook makes, with its purpose."""

    purpose: str
    """`Read`, `Snapshot`, `Change` or `Undo`."""
    operation: str
    """Such as `ec2.DeleteVolume`."""
    params: tuple[str, ...] = ()
    """Names of the parameters that it is given."""
    elsewhere: bool = False
    """True if it may be asked in another region than that of the scan."""


@dataclass(frozen=True, kw_only=True)
class _Need:
    """Action needed for one purpose, with the resources it can be limited to."""

    purpose: str
    action: Action
    resources: tuple[str, ...]
    """Kinds; empty for everything."""
    elsewhere: bool = False
    """True if it may be needed outside the regions of the scan."""


def policy(runbook: Runbook) -> dict[str, Any]:
    """The policy document that lets the runbook do what it says, and nothing else.

    The same runbook gives the same document, to the byte of its JSON. Other accounts are entered through the two roles
    that the runtime assumes unless it is told otherwise, and through no other.
    """
    statements: dict[tuple[int, tuple[str, ...], str, str], set[str]] = {}
    needs = list(_needs(runbook))
    unbound = {str(need.action) for need in needs if need.elsewhere}
    # Actions of equal purpose, resources and conditions share a statement, which keeps the policy readable.
    for need in needs:
        place = _PURPOSES.index(need.purpose)
        protected = _protected(runbook, need)
        bound = "" if str(need.action) in unbound else _bound(runbook, need.action)
        key = (place, _arns(runbook, need), bound, protected)
        statements.setdefault(key, set()).add(str(need.action))
    written: dict[str, int] = {}
    return {
        "Version": VERSION,
        "Statement": [_statement(runbook, key, statements[key], written) for key in sorted(statements)],
    }


def calls(runbook: Runbook) -> tuple[Call, ...]:
    """Return every call that the runbook and its runtime can make, each once, in the order it is first made."""
    return tuple(dict.fromkeys([*_around(runbook), *_detecting(runbook), *_acting(runbook)]))


def _around(runbook: Runbook) -> Iterator[Call]:
    if runbook.scope.regions == "all":
        yield Call(purpose="Read", operation="ec2.DescribeRegions")
    if runbook.scope.accounts == "organization":
        yield Call(purpose="Read", operation="organizations.ListAccounts")
    if runbook.scope.accounts != "current":
        yield Call(purpose="Read", operation="sts.AssumeRole")


def _detecting(runbook: Runbook) -> Iterator[Call]:
    yield from _steps(runbook.list_)
    for entry in runbook.with_:
        match entry:
            case Get():
                elsewhere = entry.region is not None
                yield Call(purpose="Read", operation=entry.get, params=tuple(entry.params), elsewhere=elsewhere)
            case Join():
                yield from _steps(entry.list_)
            case Union():
                for values in entry.set_:
                    yield from _steps(values.list_)
            case Batch():
                yield Call(purpose="Read", operation=entry.batch, params=(*entry.params, entry.param))
            case Metric():
                elsewhere = entry.metric.region is not None
                yield Call(purpose="Read", operation="cloudwatch.GetMetricStatistics", elsewhere=elsewhere)
            case _:
                continue


def _steps(chain: Iterable[Step]) -> Iterator[Call]:
    for step in chain:
        given = (*step.params, step.param) if step.param else tuple(step.params)
        yield Call(purpose="Read", operation=step.op, params=given)


def _acting(runbook: Runbook) -> Iterator[Call]:
    for change in runbook.action:
        yield from _snapshot(change)
        yield Call(purpose="Change", operation=change.op, params=tuple(change.params))
        yield from _waiting(change.op, change.wait.for_ if change.wait else None)
        for undo in change.undo:
            yield Call(purpose="Undo", operation=undo.op, params=tuple(undo.params))
            yield from _waiting(undo.op, undo.wait.for_ if undo.wait else None)


def _snapshot(change: Change) -> Iterator[Call]:
    if change.snapshot is None:
        return
    yield Call(purpose="Snapshot", operation=change.snapshot.op, params=tuple(change.snapshot.params))
    yield from _waiting(change.snapshot.op, change.snapshot.wait)


def _waiting(op: str, waiter: str | None) -> Iterator[Call]:
    called = aws.operation(op)
    for operation in (each.operation for each in called.waiters if each.name == waiter):
        yield Call(purpose="Read", operation=f"{called.service}.{operation}")


def _needs(runbook: Runbook) -> Iterator[_Need]:
    for call in calls(runbook):
        for needed in actions(call.operation):
            kinds = _kinds(runbook, call, needed)
            yield _Need(purpose=call.purpose, action=needed, resources=kinds, elsewhere=call.elsewhere)
        for name in _besides(call):
            yield _Need(purpose=call.purpose, action=action(name), resources=_shared(runbook, call, action(name)))


def _besides(call: Call) -> Iterator[str]:
    """Yield the actions that a call needs because of its parameters, none of which IAM's data names."""
    service = call.operation.partition(".")[0]
    names = {name.lower() for name in call.params}
    own = {str(needed) for needed in actions(call.operation)}
    if names & {"tags", "tagspecifications"} and service in _TAGGING and _TAGGING[service] not in own:
        yield _TAGGING[service]
    if any(_ROLE.fullmatch(name) for name in names) and service not in ("iam", "sts") and is_change(call.operation):
        yield "iam:PassRole"
    if "finaldbsnapshotidentifier" in names:
        yield "rds:CreateDBSnapshot"
    if "snapshotid" in names and call.operation == "ec2.CreateVolume":
        yield from _OF_ENCRYPTED


def _shared(runbook: Runbook, call: Call, beside: Action) -> tuple[str, ...]:
    """The kinds of a call that the action beside it can be limited to as well: what is tagged is what is made."""
    if beside.prefix == "kms":
        return ("key",)
    own = {kind for needed in actions(call.operation) for kind in _kinds(runbook, call, needed)}
    # `CreateImage` tags the image, not the instance that it is made from.
    made = {kind for kind in own if call.operation.lower().endswith(_plain(kind))}
    return tuple(sorted((made or own) & set(beside.resources)))


def _kinds(runbook: Runbook, call: Call, needed: Action) -> tuple[str, ...]:
    """The kinds that the call touches: those that it always does, and those that its parameters name.

    Where the action takes many kinds and none is required, as with tags, it is the listed one.
    """
    found = {*needed.required, *filter(None, (_named(name, needed.resources) for name in call.params))}
    if not found:
        listed = _listed(runbook)
        found = {kind for kind in needed.resources if _plain(kind) in listed}
    if not found and len(needed.resources) == 1:
        found = set(needed.resources)
    return tuple(sorted(found))


def _named(parameter: str, kinds: Sequence[str]) -> str | None:
    """The kind that a parameter is named after: `SecurityGroupIds` after `security-group`, not after `group`."""
    name = _ID.sub("", parameter.lower())
    # The longest name is the closest one.
    return max((kind for kind in kinds if name.endswith(_plain(kind))), key=len, default=None)


def _plain(kind: str) -> str:
    return re.sub(r"[^a-z]", "", kind.lower())


def _listed(runbook: Runbook) -> frozenset[str]:
    """Return the listed kind as IAM may name it: `volume`, `dbinstance`, `db`."""
    last = aws.operation(runbook.list_[-1].op)
    noun = re.sub(r"^[A-Z][a-z]+", "", last.name).lower()
    # IAM says `db` where the API says `DBInstances`.
    return frozenset({noun, noun.removesuffix("s"), noun.removesuffix("es"), noun.removesuffix("instances")})


def _is_regional(needed: Action) -> bool:
    """Return whether the action is asked of a region.

    Services that answer for the account are asked at one endpoint, anywhere.
    """
    if needed.name in ("ListAllMyBuckets", "DescribeRegions") or needed.prefix in ("iam", "sts", "organizations"):
        return False
    return needed.prefix not in aws.services() or not aws.is_global(needed.prefix)


def _bound(runbook: Runbook, needed: Action) -> str:
    if needed.prefix == "kms" and str(needed) in _OF_ENCRYPTED:
        return "ec2"
    return "region" if isinstance(runbook.scope.regions, tuple) and _is_regional(needed) else ""


def _arns(runbook: Runbook, need: _Need) -> tuple[str, ...]:
    if str(need.action) == "sts:AssumeRole":
        return _role_arns(runbook)
    if not need.resources:
        return (_EVERYWHERE,)
    return tuple(sorted({_arn(runbook, need.action.prefix, kind) for kind in need.resources}))


def _role_arns(runbook: Runbook) -> tuple[str, ...]:
    accounts = runbook.scope.accounts
    ids = sorted(accounts) if isinstance(accounts, tuple) else [_EVERYWHERE]
    # Named, and not `role/*`: roles for other purposes stay out of reach.
    roles = [READ_ROLE, *([CHANGE_ROLE] if runbook.action else [])]
    return tuple(f"arn:{_partition(runbook)}:iam::{account}:role/{role}" for account in ids for role in sorted(roles))


def _arn(runbook: Runbook, prefix: str, kind: str) -> str:
    regions = runbook.scope.regions
    region = regions[0] if isinstance(regions, tuple) and len(regions) == 1 else _EVERYWHERE
    known = {"${Partition}": _partition(runbook), "${Region}": region}
    return _VARIABLE.sub(lambda found: known.get(found[0], _EVERYWHERE), arn_pattern(prefix, kind))


def _partition(runbook: Runbook) -> str:
    regions = runbook.scope.regions
    return partition_of(regions[0] if isinstance(regions, tuple) and regions else "")


def _protected(runbook: Runbook, need: _Need) -> str:
    """Return `tags` if IAM can deny the change on protected tags for all of its kinds, else nothing."""
    tags = runbook.guard.protect_tags
    # A condition on tags that IAM ignores for one kind would deny nothing, and look as if it did.
    can_tell = need.resources and set(need.resources) <= set(need.action.by_tag)
    return "tags" if need.purpose == "Change" and tags and can_tell else ""


def _statement(
    runbook: Runbook, key: tuple[int, tuple[str, ...], str, str], names: set[str], written: dict[str, int]
) -> dict[str, Any]:
    place, arns, bound, protected = key
    sid = _PURPOSES[place]
    written[sid] = written.get(sid, 0) + 1
    found: dict[str, Any] = {
        "Sid": sid if written[sid] == 1 else f"{sid}{written[sid]}",
        "Effect": "Allow",
        "Action": sorted(names),
        "Resource": list(arns) if arns != (_EVERYWHERE,) else _EVERYWHERE,
    }
    condition = _condition(runbook, bound, protected)
    return {**found, "Condition": condition} if condition else found


def _condition(runbook: Runbook, bound: str, protected: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if protected:
        # Null is true where the tag is absent: the change is allowed on such resources alone.
        found["Null"] = {f"aws:ResourceTag/{tag}": "true" for tag in sorted(runbook.guard.protect_tags)}
    if bound == "ec2":
        found["StringLike"] = {"kms:ViaService": "ec2.*"}
    if bound == "region":
        found["StringEquals"] = {"aws:RequestedRegion": sorted(runbook.scope.regions)}
    return found


_ACRONYM = 3
_SAID = {
    "Read": "To look",
    "Snapshot": "Before a change",
    "Change": "To make the change",
    "Undo": "To undo it",
}


def explain(document: Mapping[str, Any]) -> list[str]:
    """Each statement of a policy in plain words, in order."""
    return [_explained(statement) for statement in document["Statement"]]


def _explained(statement: Mapping[str, Any]) -> str:
    purpose = re.sub(r"\d+$", "", str(statement["Sid"]))
    said = [_permission(action(name)) for name in statement["Action"]]
    limits = "".join(f", {limit}" for limit in _limits(statement.get("Condition", {})))
    return f"{_SAID.get(purpose, purpose)}, it may {listing(said)}, {_on(statement['Resource'])}{limits}."


def _permission(known: Action) -> str:
    if not known.levels:
        return f"call {known}, which IAM's data does not know: check it by hand (`{known}`)"
    return f"{known.description[0].lower()}{known.description[1:]} (`{known}`)"


def _on(resources: str | Sequence[str]) -> str:
    if resources == _EVERYWHERE:
        return "which IAM cannot limit to single resources"
    named = [_resource(arn) for arn in ([resources] if isinstance(resources, str) else resources)]
    return f"on {listing(named)}"


def _resource(arn: str) -> str:
    """`arn:aws:ec2:*:*:volume/*` is any EC2 volume."""
    _, _, service, region, _, *rest = arn.split(":")
    kind = re.split(r"[/*]", ":".join(rest))[0].strip(":").replace("-", " ") or "bucket"
    named = service.upper() if len(service) <= _ACRONYM else service
    return f"any {named} {kind}" + (f" in {region}" if region not in ("", _EVERYWHERE) else "")


def _limits(condition: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    regions = condition.get("StringEquals", {}).get("aws:RequestedRegion", [])
    if regions:
        yield f"in {listing(regions)} only"
    if "kms:ViaService" in condition.get("StringLike", {}):
        yield "through EC2 alone, for encrypted volumes"
    tags = [f"`{key.removeprefix('aws:ResourceTag/')}`" for key in condition.get("Null", {})]
    if tags:
        yield f"never on what carries the tag {listing(tags, 'or')}"

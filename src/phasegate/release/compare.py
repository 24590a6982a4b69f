"""Comparison of two states of a contract: parameters, the findings' JSON Schema, and IAM permissions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.runbooks.language.iam_actions import action


@dataclass(frozen=True, kw_only=True, order=True)
class Grant:
    """Action that a policy allows on a resource."""

    action: str
    """Such as `ec2:DeleteVolume`."""
    resource: str
    condition: str = ""
    """The statement's condition as canonical JSON; empty where there is none."""

    @property
    def writes(self) -> bool:
        """True unless IAM's data knows the action as reading: a wildcard or an unknown action may change something.

        >>> [Grant(action=f"ec2:{name}", resource="*").writes for name in ("DescribeVolumes", "CreateTags", "*")]
        [False, True, True]
        """
        return not action(self.action).only_reads


def grants(policy: Mapping[str, Any]) -> set[Grant]:
    """Everything that a policy document's `Allow` statements give."""
    return {
        Grant(action=action, resource=resource, condition=_condition(statement))
        for statement in _list(policy.get("Statement", []))
        if statement.get("Effect") == "Allow"
        for action in [*_list(statement.get("Action", [])), *(["*"] if "NotAction" in statement else [])]
        for resource in _list(statement.get("Resource", "*"))
    }


def parameter_breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """In words, each parameter of a runbook that a caller could have used and can no longer."""
    for name in sorted(old):
        if name not in new:
            yield f"parameter `{name}` is gone"
        elif _kind(old[name]) != _kind(new[name]):
            yield f"parameter `{name}` is a {_kind(new[name])} instead of a {_kind(old[name])}"


def schema_breaks(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """In words, each promise of a JSON Schema for *output* that the new one no longer keeps.

    A field that is gone, is no longer always there, or has another type is a break; a field more is not.
    """
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    if old.get("type") != new.get("type") and "type" in old:
        yield f"`{where or 'finding'}` is {_type(new)} instead of {_type(old)}"
    for name in sorted(set(old.get("required", [])) - set(new.get("required", []))):
        yield f"field `{_join(where, name)}` is no longer always there"
    values = new.get("enum")
    # A new value breaks callers that handle each of the old ones; fewer values do not.
    if isinstance(values, list) and not set(map(_text, values)) <= set(map(_text, old.get("enum", []))):
        yield f"`{where or 'finding'}` can have new values"
    yield from _property_breaks(old.get("properties", {}), new.get("properties", {}), where)
    yield from schema_breaks(old.get("items"), new.get("items"), f"{where}[]")


def _property_breaks(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in sorted(old):
        if name not in new:
            yield f"field `{_join(where, name)}` is gone"
        else:
            yield from schema_breaks(old[name], new[name], _join(where, name))


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _type(schema: Mapping[str, Any]) -> str:
    return str(schema.get("type", "of any type"))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _condition(statement: Mapping[str, Any]) -> str:
    return _text(statement["Condition"]) if statement.get("Condition") else ""


def _kind(value: Any) -> str:
    # 3 and 3.5 are both numbers to whoever types them; True is an int to Python alone.
    names = {
        bool: "switch",
        int: "number",
        float: "number",
        str: "text",
        list: "list",
        dict: "map",
        type(None): "blank",
    }
    return names.get(type(value), "value")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

"""Fields of screens: what may be set where an issue is created or moved, in the form that Jira takes."""

from collections.abc import Iterable, Mapping
from typing import Any

from phasegate.core import InvalidInput
from phasegate.tools.servers.jira.wire import Schema, Screened

OURS = frozenset({"project", "issuetype", "parent", "summary", "description", "labels", "duedate", "status"})
"""What a caller names by arguments of their own, to which grants are bound."""
_NAMED = frozenset({"priority", "resolution", "version", "component", "securitylevel", "group"})


def foreign(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields that a caller gave besides the arguments.

    Raises:
        InvalidInput: one of them has an argument of its own.
    """
    given = dict(fields or {})
    for name in given:
        if name.lower().replace(" ", "") in OURS:
            raise InvalidInput(f"the field {name!r} has an argument of its own", fix="leave it out of `fields`")
    return given


def fitting(given: Mapping[str, Any], screen: Iterable[Screened], *, cloud: bool) -> dict[str, Any]:
    """Return those of the fields, given by id or name, that are on the screen, by id."""
    found: dict[str, Any] = {}
    for field in screen:
        names = {name.lower() for name in (field.id, field.key, field.name) if name}
        for name, value in given.items():
            if name.lower() in names and field.key not in OURS:
                found[field.id or field.key] = _formed(value, field.form, cloud=cloud)
    return found


def lacking(given: Mapping[str, Any], screen: Iterable[Screened]) -> list[str]:
    """Names of the required fields that are not given, and have no default."""
    known = {name.lower() for name in given}
    wanted = [field for field in screen if field.required and not field.default]
    return [f.name or f.key for f in wanted if not known & {f.id.lower(), f.key.lower(), f.name.lower()}]


def _formed(value: Any, form: Schema, *, cloud: bool) -> Any:
    """Return a plain text as the object that Jira asks for, and leave an object as it is."""
    if form.type == "array" and isinstance(value, list):
        return [_formed(item, Schema(type=form.items), cloud=cloud) for item in value]
    if form.type == "array" and isinstance(value, str):
        return [_formed(value, Schema(type=form.items), cloud=cloud)]
    if not isinstance(value, str):
        return value
    if form.type == "user":
        return {"accountId" if cloud else "name": value}
    if form.type == "option":
        return {"value": value}
    return {"name": value} if form.type in _NAMED else value

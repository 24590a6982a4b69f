"""Answers of AWS as JSON, without their secrets.

Inventories carry secrets in odd places: a function's environment, an instance's user data, a job's arguments. What
the service's own model marks as sensitive goes, and what is known to be secret by its name; `WITHHELD` stands
in its place, so that nobody takes it for absent.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

WITHHELD = "(withheld)"

_SECRET = re.compile(
    r".*(password|passwd|passphrase|secret|secret_?string|secret_?key|secret_?access_?key|private_?key|api_?key"
    r"|(session|auth|access|refresh|authorization|bearer)_?token|key_?material|pre_?shared_?key|connection_?string"
    r"|user_?data|credentials?)",
    re.IGNORECASE,
)
"""Names whose text is a secret. Ids and ARNs of secrets end otherwise, and stay."""
_VARIABLES = re.compile(r"environment|(runtime)?(environment)?_?variables|environment_?secrets", re.IGNORECASE)
_NAMED_BY = ("name", "key", "parameterkey", "outputkey", "optionname", "variable")
_PUBLIC = frozenset({"ResponseMetadata"})


def cleaned(answer: Any, shape: Any = None) -> Any:
    """The answer as JSON, without what is secret.

    Args:
        answer: What botocore parsed.
        shape: Its shape in the service's model; None where that is not known.
    """
    if isinstance(answer, Mapping):
        return _structure(answer, shape)
    if isinstance(answer, list | tuple):
        inner = getattr(shape, "member", None)
        return [_member("", item, inner) for item in answer]
    if isinstance(answer, date):
        return answer.isoformat()
    if isinstance(answer, bytes | bytearray) or hasattr(answer, "read"):
        return WITHHELD  # a blob is the content of something
    return answer if isinstance(answer, str | int | float | bool | None) else str(answer)


def _structure(answer: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    members, inner = getattr(shape, "members", {}), getattr(shape, "value", None)
    hidden = _hidden_pair(answer)
    return {
        name: WITHHELD if name in hidden else _member(name, value, members.get(name, inner))
        for name, value in answer.items()
        if name not in _PUBLIC
    }


def _member(name: str, value: Any, shape: Any) -> Any:
    if value is None or value == "" or isinstance(value, bool):
        return value
    # AWS marks members in its own models, so that a new service is covered before its names are known here.
    marked = bool(getattr(shape, "metadata", {}).get("sensitive"))
    return WITHHELD if marked or _is_secret(name, value) else cleaned(value, shape)


def _is_secret(name: str, value: Any) -> bool:
    # All of them: their names are their owner's, and say nothing sure of what is a secret.
    if _VARIABLES.fullmatch(name):
        return isinstance(value, list) or (isinstance(value, Mapping) and _is_plain(value))
    return isinstance(value, str | bytes) and bool(_SECRET.fullmatch(name))


def _is_plain(value: Mapping[str, Any]) -> bool:
    return all(isinstance(inner, str) for inner in value.values())


def _hidden_pair(answer: Mapping[str, Any]) -> frozenset[str]:
    """The value's member in `{Name: DB_PASSWORD, Value: …}`."""
    names = [value for key, value in answer.items() if key.lower() in _NAMED_BY and isinstance(value, str)]
    if not any(_SECRET.fullmatch(name) for name in names):
        return frozenset()
    return frozenset(key for key in answer if key.lower().endswith("value"))
